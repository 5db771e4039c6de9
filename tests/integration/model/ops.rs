//! The operations that the model tests draw from, in rounds that end with a commit or an abort.

use drystone::{Durability, OnDuplicate};
use proptest::prelude::*;
use proptest::strategy::Union;

use super::keys;

/// How many keys there are of each kind.
pub(super) const KEYS: u32 = 2000;

/// One call, or a few of a kind. `n` and `at` stand for keys, or for row numbers modulo the length.
#[derive(Clone, Debug)]
pub(super) enum Op {
    Insert {
        n: u32,
        v: u32,
    },
    Upsert {
        n: u32,
        v: u32,
    },
    /// Many rows one by one, in steps through the keys.
    PutMany {
        n: u32,
        step: u32,
        count: u32,
        v: u32,
    },
    SetField {
        n: u32,
        v: u32,
    },
    Update {
        n: u32,
        v: u32,
    },
    Remove {
        n: u32,
    },
    RemoveMany {
        n: u32,
        step: u32,
        count: u32,
    },
    Push {
        v: u32,
    },
    Replace {
        at: u32,
        v: u32,
    },
    Truncate {
        to: u32,
    },
    SwapRemove {
        at: u32,
    },
    Load(Load),
    Clear,
    LookUp {
        n: u32,
    },
    Range {
        from: u32,
        to: u32,
        fields: usize,
    },
    Compare,
    /// An index of one of the kinds that a table can have.
    CreateIndex {
        which: usize,
        unique: bool,
    },
    DropIndex {
        which: usize,
    },
    // On the database; the table is whichever the number leads to.
    Create {
        name: u8,
        kind: usize,
    },
    Drop {
        name: u8,
    },
    Rename {
        name: u8,
        to: u8,
    },
    AppendField {
        name: u8,
        nullable: bool,
    },
    Other {
        name: u8,
        op: Box<Op>,
    },
}

/// A bulk load of `count` records, from `n` on in steps.
#[derive(Clone, Debug)]
pub(super) struct Load {
    pub(super) n: u32,
    pub(super) step: u32,
    pub(super) count: u32,
    pub(super) v: u32,
    /// In the order of the keys, or as they come.
    pub(super) sorted: bool,
    pub(super) hint: bool,
    pub(super) on_duplicate: OnDuplicate,
    pub(super) replace: bool,
    /// The source fails before this record.
    pub(super) fails_at: Option<u32>,
}

/// A write transaction and how it ends.
#[derive(Clone, Debug)]
pub(super) struct Round {
    pub(super) ops: Vec<Op>,
    /// A budget of 0 writes out after every edit.
    pub(super) memory_bytes: usize,
    pub(super) durability: Durability,
    pub(super) end: End,
    /// Whether a snapshot is taken afterwards and held, and whether the oldest held one is let go.
    pub(super) hold: bool,
    pub(super) let_go: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Commit,
    CommitAndReopen,
    Abort,
}

impl Op {
    /// Replaces a few rows of the table with a key.
    pub(super) fn put_some(n: u32, v: u32) -> Op {
        Op::Other { name: 1, op: Box::new(Op::PutMany { n: n % KEYS / 3 * 3, step: 6, count: 5, v }) }
    }

    /// Replaces a row of the table without a key.
    pub(super) fn set_some(at: u32, v: u32) -> Op {
        Op::Other { name: 0, op: Box::new(Op::Replace { at, v }) }
    }

    /// A row for a third of all keys.
    pub(super) fn put_all() -> Op {
        Op::Other { name: 1, op: Box::new(Op::PutMany { n: 0, step: 3, count: KEYS / 3, v: 1 }) }
    }

    /// As many rows without a key.
    pub(super) fn push_all() -> Op {
        Op::Other { name: 0, op: Box::new(Op::PutMany { n: 0, step: 1, count: KEYS / 3, v: 1 }) }
    }

    pub(super) fn on_keyed() -> impl Strategy<Value = Op> {
        let n = || 0..KEYS;
        Union::new_weighted(vec![
            (4, (n(), v()).prop_map(|(n, v)| Op::Insert { n, v }).boxed()),
            (4, (n(), v()).prop_map(|(n, v)| Op::Upsert { n, v }).boxed()),
            (
                6,
                (n(), steps(), 1..300_u32, v())
                    .prop_map(|(n, step, count, v)| Op::PutMany { n, step, count, v })
                    .boxed(),
            ),
            (3, (n(), v()).prop_map(|(n, v)| Op::SetField { n, v }).boxed()),
            (2, (n(), v()).prop_map(|(n, v)| Op::Update { n, v }).boxed()),
            (4, n().prop_map(|n| Op::Remove { n }).boxed()),
            (
                5,
                (n(), steps(), 1..300_u32)
                    .prop_map(|(n, step, count)| Op::RemoveMany { n, step, count })
                    .boxed(),
            ),
            (3, load().boxed()),
            (1, Just(Op::Clear).boxed()),
            (3, n().prop_map(|n| Op::LookUp { n }).boxed()),
            (3, (n(), n(), 1..5_usize).prop_map(|(from, to, fields)| Op::Range { from, to, fields }).boxed()),
            (1, Just(Op::Compare).boxed()),
            (3, on_indexes().boxed()),
        ])
    }

    pub(super) fn on_numbered() -> impl Strategy<Value = Op> {
        let n = || 0..KEYS;
        Union::new_weighted(vec![
            (4, v().prop_map(|v| Op::Push { v }).boxed()),
            (6, (1..400_u32, v()).prop_map(|(count, v)| Op::PutMany { n: 0, step: 1, count, v }).boxed()),
            (4, (n(), v()).prop_map(|(at, v)| Op::Replace { at, v }).boxed()),
            (3, (n(), v()).prop_map(|(n, v)| Op::SetField { n, v }).boxed()),
            (2, (n(), v()).prop_map(|(n, v)| Op::Update { n, v }).boxed()),
            (3, n().prop_map(|to| Op::Truncate { to }).boxed()),
            (4, n().prop_map(|at| Op::SwapRemove { at }).boxed()),
            (3, load().boxed()),
            (1, Just(Op::Clear).boxed()),
            (3, n().prop_map(|n| Op::LookUp { n }).boxed()),
            (3, (n(), n()).prop_map(|(from, to)| Op::Range { from, to, fields: 1 }).boxed()),
            (1, Just(Op::Compare).boxed()),
            (3, on_indexes().boxed()),
        ])
    }

    pub(super) fn on_database() -> impl Strategy<Value = Op> {
        let name = || 0..5_u8;
        Union::new_weighted(vec![
            (
                4,
                (name(), keys::any_kind_or_none()).prop_map(|(name, kind)| Op::Create { name, kind }).boxed(),
            ),
            (1, name().prop_map(|name| Op::Drop { name }).boxed()),
            (1, (name(), name()).prop_map(|(name, to)| Op::Rename { name, to }).boxed()),
            (
                1,
                (name(), any::<bool>())
                    .prop_map(|(name, nullable)| Op::AppendField { name, nullable })
                    .boxed(),
            ),
            (
                8,
                (name(), prop_oneof![Op::on_keyed(), Op::on_numbered()])
                    .prop_map(|(name, op)| Op::Other { name, op: Box::new(op) })
                    .boxed(),
            ),
        ])
    }
}

/// Upwards one by one, through all keys scattered, and downwards.
fn steps() -> impl Strategy<Value = u32> {
    prop_oneof![Just(1), Just(2), Just(611), Just(KEYS - 1)]
}

/// Any value, or one of a few that come again and again.
fn v() -> impl Strategy<Value = u32> {
    prop_oneof![2 => any::<u32>(), 1 => 0..64_u32]
}

fn on_indexes() -> impl Strategy<Value = Op> {
    prop_oneof![
        3 => (0..3_usize, prop::bool::weighted(0.3)).prop_map(|(which, unique)| Op::CreateIndex { which, unique }),
        1 => (0..3_usize).prop_map(|which| Op::DropIndex { which }),
    ]
}

fn load() -> impl Strategy<Value = Op> {
    let on_duplicate =
        prop_oneof![Just(OnDuplicate::Error), Just(OnDuplicate::First), Just(OnDuplicate::Last)];
    let many = prop_oneof![4 => 0..200_u32, 1 => 1000..3000_u32];
    let fails_at = prop_oneof![6 => Just(None), 1 => (0..200_u32).prop_map(Some)];
    let flags = (any::<bool>(), any::<bool>(), prop::bool::weighted(0.2));
    (0..KEYS, steps(), many, v(), flags, on_duplicate, fails_at).prop_map(
        |(n, step, count, v, (sorted, hint, replace), on_duplicate, fails_at)| {
            Op::Load(Load { n, step, count, v, sorted, hint, on_duplicate, replace, fails_at })
        },
    )
}

impl Round {
    pub(super) fn commit(ops: Vec<Op>, durability: Durability, reopen: bool) -> Round {
        let end = if reopen { End::CommitAndReopen } else { End::Commit };
        Round { ops, memory_bytes: 1 << 20, durability, end, hold: false, let_go: false }
    }
}

/// Some rounds of these operations.
pub(super) fn rounds(
    op: impl Strategy<Value = Op>,
    count: std::ops::Range<usize>,
) -> impl Strategy<Value = Vec<Round>> {
    let memory_bytes = prop_oneof![Just(0_usize), Just(10_000), Just(100_000), Just(1 << 28)];
    let durability = prop_oneof![Just(Durability::Immediate), Just(Durability::Eventual)];
    let end = prop_oneof![3 => Just(End::Commit), 1 => Just(End::CommitAndReopen), 1 => Just(End::Abort)];
    let ops = prop::collection::vec(op, 0..12);
    let round = (ops, memory_bytes, durability, end, any::<bool>(), any::<bool>()).prop_map(
        |(ops, memory_bytes, durability, end, hold, let_go)| Round {
            ops,
            memory_bytes,
            durability,
            end,
            hold,
            let_go,
        },
    );
    prop::collection::vec(round, count)
}
