//! Where a full leaf splits: in the middle, or so that inserts in order leave full leaves behind.
//! And how rows are spread over leaves when they are written. Used by `leaf_edit.rs` and
//! `flush.rs`; it sees positions, never rows.

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

/// The order in which rows were inserted, as far as it is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Order {
    None,
    Ascending,
    Descending,
}

/// How many of `rows` rows each leaf gets, where at most `full` fit: as few leaves as possible. All
/// get about the same number. But if more rows will probably come behind the last one, or before
/// the first one, that leaf gets what is left, and the others are full.
pub(super) fn sizes(rows: usize, full: usize, order: Order) -> impl Iterator<Item = usize> {
    let leaves = rows.div_ceil(full);
    let rest = rows - full * leaves.saturating_sub(1).min(rows / full);
    let share = rows.checked_div(leaves).unwrap_or(0);
    let longer = rows - share * leaves;
    (0..leaves).map(move |leaf| match order {
        Order::None => share + usize::from(leaf < longer),
        Order::Ascending if leaf + 1 == leaves => rest,
        Order::Descending if leaf == 0 => rest,
        Order::Ascending | Order::Descending => full,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_spread_over_as_few_leaves_as_possible() {
        let spread = |rows, order| sizes(rows, 10, order).collect::<Vec<_>>();
        for order in [Order::None, Order::Ascending, Order::Descending] {
            for rows in 0..200 {
                let sizes = spread(rows, order);
                assert_eq!((sizes.len(), sizes.iter().sum()), (rows.div_ceil(10), rows));
                assert!(sizes.iter().all(|size| (1..=10).contains(size)), "{rows}: {sizes:?}");
            }
        }
        assert_eq!(spread(25, Order::None), [9, 8, 8]);
        assert_eq!(spread(25, Order::Ascending), [10, 10, 5]);
        assert_eq!(spread(25, Order::Descending), [5, 10, 10]);
        assert_eq!(spread(20, Order::Descending), [10, 10]);
    }
}
