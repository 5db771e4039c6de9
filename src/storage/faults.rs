//! Bugs that a test can plant in the commit protocol, to prove that the simulated disk would find
//! them.

#![cfg_attr(
    not(feature = "simulation"),
    allow(unreachable_pub, dead_code, reason = "only tests have the door")
)]

use super::Storage;

/// A bug of the commit protocol, planted in one database. For tests of the tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mutant {
    /// A commit returns without a sync.
    SkipSync,
    /// A large commit writes its meta page before its pages are synced.
    MetaBeforePages,
    /// A large commit of `Durability::Eventual` leaves out the sync behind its meta page.
    LargeNotSynced,
    /// Pages that a commit frees are used again before it is durable.
    ReuseTooEarly,
    /// Pages that a durable commit list names are used again as soon as nothing reaches them.
    ReuseListed,
    /// The writer does not ask who holds a snapshot.
    IgnoreReaders,
    /// A commit list is believed without a look at its runs.
    BelieveEveryList,
    /// A run in the commit list that cannot be read counts as one that was not written.
    ReadErrorIsTorn,
    /// A commit list holds the checksum of the first page instead of that of the run.
    WrongChecksum,
    /// A commit list names pages that the same transaction wrote, and gave up again.
    ListGivenUp,
    /// A commit list leaves out what earlier commits wrote that are not durable.
    ForgetUnsynced,
    /// A meta page is believed without its checksum.
    HalfMeta,
    /// A sync does not make the growth of the file durable.
    GrowthNotSynced,
    /// The seal is written before the sync.
    SealBeforeSync,
    /// The next commit overwrites the durable slot.
    OverwriteDurable,
    /// After a crash the next writer goes on without settling what it found.
    NoSettle,
    /// Settling syncs, but does not write again what a failed sync may have dropped.
    SettleWithoutWriting,
    /// The file is cut before the commit that needs less of it is durable.
    CutBeforeCommit,
    /// Gaps are given back to the file system before the commit that made them is durable.
    DiscardTooEarly,
    /// After a failed sync the next one is taken to have done it all.
    RetrySync,
    /// A process goes on with its map of the free space after another one has committed.
    StaleFreeSpace,
    /// A page of which it is not known when it was written counts as written when the map was made.
    UnknownIsYoung,
    /// Settling does without its last sync.
    SettleOnce,
    /// After another process has committed, pages still count as verified.
    KeepMarks,
    /// Of a run that is written, only the first page counts as not verified any more.
    ForgetFirstPage,
    /// After a fallback the number of a state that readers may hold is given a second time.
    FallBackBelowPin,
    /// A reader table that cannot be read counts as one without readers.
    UnreadableIsEmpty,
}

#[cfg(feature = "simulation")]
impl Mutant {
    /// All of them.
    pub const ALL: [Mutant; 27] = [
        Mutant::SkipSync,
        Mutant::MetaBeforePages,
        Mutant::LargeNotSynced,
        Mutant::ReuseTooEarly,
        Mutant::ReuseListed,
        Mutant::IgnoreReaders,
        Mutant::BelieveEveryList,
        Mutant::ReadErrorIsTorn,
        Mutant::WrongChecksum,
        Mutant::ListGivenUp,
        Mutant::ForgetUnsynced,
        Mutant::HalfMeta,
        Mutant::GrowthNotSynced,
        Mutant::SealBeforeSync,
        Mutant::OverwriteDurable,
        Mutant::NoSettle,
        Mutant::SettleWithoutWriting,
        Mutant::CutBeforeCommit,
        Mutant::DiscardTooEarly,
        Mutant::RetrySync,
        Mutant::StaleFreeSpace,
        Mutant::UnknownIsYoung,
        Mutant::SettleOnce,
        Mutant::KeepMarks,
        Mutant::ForgetFirstPage,
        Mutant::FallBackBelowPin,
        Mutant::UnreadableIsEmpty,
    ];

    /// Those that take several processes, or a disk that lies, to show.
    pub const OF_SEVERAL: [Mutant; 7] = [
        Mutant::StaleFreeSpace,
        Mutant::UnknownIsYoung,
        Mutant::SettleOnce,
        Mutant::KeepMarks,
        Mutant::ForgetFirstPage,
        Mutant::FallBackBelowPin,
        Mutant::UnreadableIsEmpty,
    ];
}

impl dyn Storage + '_ {
    /// Whether this bug is planted. Without the feature `simulation` none ever is, and the compiler
    /// knows.
    #[inline]
    pub(crate) fn plants(&self, bug: Mutant) -> bool {
        cfg!(feature = "simulation") && self.planted() == Some(bug)
    }
}

/// The right expression, or what a planted bug does instead: `faulted!(storage, right; Bug =>
/// wrong)`. The right one always comes first. A bug that shows only under a condition is written
/// `Bug if condition => wrong`. Only one of the expressions is evaluated.
macro_rules! faulted {
    ($storage:expr, $right:expr; $($bug:ident $(if $when:expr)? => $wrong:expr),+ $(,)?) => {
        $(if $storage.plants($crate::storage::Mutant::$bug) $(&& $when)? { $wrong } else)+ { $right }
    };
}
pub(crate) use faulted;
