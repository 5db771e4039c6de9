//! Where a full leaf splits: in the middle, or so that inserts in order leave full leaves behind.
//! Used by `leaf_edit.rs`; it sees positions, never rows.

/// Where a full leaf splits, and which half gets the new row.
pub(super) struct Split {
    pub(super) at: usize,
    pub(super) new_row_right: bool,
}

/// Where to split a leaf of `full` rows that gets a new row at `index`. `last` is the index of the
/// row that was inserted before it, if that is known.
///
/// ```text
/// ascending run    a b [1 2 3]→| y z      the rows above the run move out, so that it comes last
/// descending run   a b |←[3 2 1] y z      the rows below the run move out, so that it comes first
/// run at an end    a b y z [1]→           the leaf stays full, and the new row starts another one
/// ```
///
/// A run at an end of its leaf is recognised without `last`, so it may continue in later
/// transactions.
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

/// Adds one to a key in normal form.
pub(super) fn increment(key: &mut [u8]) {
    for byte in key.iter_mut().rev() {
        *byte = byte.wrapping_add(1);
        if *byte > 0 {
            break;
        }
    }
}
