//! Where a full leaf is cut: in the middle, or so that a run of inserts in order leaves full leaves behind.

/// Where a full leaf is cut, and which part gets the new row.
pub(super) struct Split {
    pub(super) at: usize,
    pub(super) new_row_right: bool,
}

/// Where to cut a leaf of `full` rows into which a new row goes at `index`. `last` is the index of the row
/// that was put in before it, if that is known.
///
/// ```text
/// ascending run    a b [1 2 3]→| y z      the rows above the run leave, so that it comes last
/// descending run   a b |←[3 2 1] y z      the rows below the run leave, so that it comes first
/// run at an end    a b y z [1]→           the leaf stays full, and the new row begins another one
/// ```
///
/// A run that has come to an end of its leaf is seen without `last`, so it may go on in later transactions.
pub(super) fn split_at(index: usize, full: usize, last: Option<usize>) -> Split {
    if index == full {
        Split { at: full, new_row_right: true }
    } else if index == 0 || last.is_some_and(|last| last + 1 == index) {
        Split { at: index, new_row_right: false }
    } else if last == Some(index) {
        Split { at: index, new_row_right: true }
    } else {
        Split { at: full / 2, new_row_right: index > full / 2 }
    }
}

/// Adds one to a key in normal form, which orders as its bytes do.
pub(super) fn increment(key: &mut [u8]) {
    for byte in key.iter_mut().rev() {
        *byte = byte.wrapping_add(1);
        if *byte > 0 {
            break;
        }
    }
}
