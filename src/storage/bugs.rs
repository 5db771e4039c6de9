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
pub enum Bug {
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
    /// When a run is written, only its first page is marked as not verified.
    ForgetFirstPage,
    /// After a fallback the number of a state that readers may hold is given a second time.
    FallBackBelowPin,
    /// A reader table that cannot be read counts as one without readers.
    UnreadableIsEmpty,
}

#[cfg(feature = "simulation")]
impl Bug {
    /// All of them.
    pub const ALL: [Bug; 27] = [
        Bug::SkipSync,
        Bug::MetaBeforePages,
        Bug::LargeNotSynced,
        Bug::ReuseTooEarly,
        Bug::ReuseListed,
        Bug::IgnoreReaders,
        Bug::BelieveEveryList,
        Bug::ReadErrorIsTorn,
        Bug::WrongChecksum,
        Bug::ListGivenUp,
        Bug::ForgetUnsynced,
        Bug::HalfMeta,
        Bug::GrowthNotSynced,
        Bug::SealBeforeSync,
        Bug::OverwriteDurable,
        Bug::NoSettle,
        Bug::SettleWithoutWriting,
        Bug::CutBeforeCommit,
        Bug::DiscardTooEarly,
        Bug::RetrySync,
        Bug::StaleFreeSpace,
        Bug::UnknownIsYoung,
        Bug::SettleOnce,
        Bug::KeepMarks,
        Bug::ForgetFirstPage,
        Bug::FallBackBelowPin,
        Bug::UnreadableIsEmpty,
    ];

    /// Those that take several processes, or a disk that lies, to show.
    pub const OF_SEVERAL: [Bug; 7] = [
        Bug::StaleFreeSpace,
        Bug::UnknownIsYoung,
        Bug::SettleOnce,
        Bug::KeepMarks,
        Bug::ForgetFirstPage,
        Bug::FallBackBelowPin,
        Bug::UnreadableIsEmpty,
    ];
}

impl dyn Storage + '_ {
    /// Whether this bug is planted. Without the feature `simulation` none ever is, and the compiler
    /// knows.
    #[inline]
    pub(crate) fn has(&self, bug: Bug) -> bool {
        cfg!(feature = "simulation") && self.planted() == Some(bug)
    }
}

/// The right expression, or what a planted bug does instead: `or_bug!(storage, right; Bug =>
/// wrong)`. The right one always comes first. A bug that shows only under a condition is written
/// `Bug if condition => wrong`. Only one of the expressions is evaluated.
macro_rules! or_bug {
    ($storage:expr, $right:expr; $($bug:ident $(if $when:expr)? => $wrong:expr),+ $(,)?) => {
        $(if $storage.has($crate::storage::Bug::$bug) $(&& $when)? { $wrong } else)+ { $right }
    };
}
pub(crate) use or_bug;
