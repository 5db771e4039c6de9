//! What several processes may see of one database, and what a power cut may leave of it.
//! `processes` records every call here; `together` asks what a cut may leave.

use std::sync::Arc;

use crate::model::State;
use crate::run::{Broken, Version};

/// The states that exist, in the order in which they were committed.
pub struct Ledger {
    /// The last one that no power cut can take away.
    durable: Version,
    /// The states after it.
    later: Vec<Version>,
    /// Commits that may or may not exist.
    flights: Vec<Flight>,
    /// A failed write may have destroyed commits that were not durable.
    fallback: bool,
    /// The process that began to write last.
    last_writer: u64,
}

/// A commit that has not returned, or never will.
#[derive(Clone)]
struct Flight {
    process: u64,
    /// The state that it makes. `None` for a compaction, which leaves all rows as they are.
    state: Option<Arc<State>>,
    /// Its process was killed or gave up. The next writer settles whether it exists.
    over: bool,
}

/// What a power cut may leave.
#[derive(Clone)]
pub struct AfterCut {
    durable: Version,
    later: Vec<Version>,
    flights: Vec<Option<Arc<State>>>,
    /// Whether one of them may have got a new number.
    fallback: bool,
}

impl AfterCut {
    /// The state that was found, if it is allowed.
    pub fn find(&self, found: &(u64, State)) -> Option<Version> {
        let known = std::iter::once(&self.durable).chain(&self.later);
        if let Some(version) = known.clone().find(|version| agrees(version, found)) {
            return Some(version.clone());
        }
        let flying = self.flights.iter().flatten();
        let compacting = self.fallback || self.flights.iter().any(Option::is_none);
        let same = flying.clone().any(|state| **state == found.1)
            || compacting && known.map(|version| &version.state).any(|state| **state == found.1);
        (same && found.0 > self.durable.transaction)
            .then(|| Version { transaction: found.0, state: found.1.clone().into() })
    }

    /// The text for the report of a failure.
    pub fn describe(&self) -> String {
        let later: Vec<u64> = self.later.iter().map(|version| version.transaction).collect();
        format!(
            "transaction {}, one of {later:?}, or one of {} that have not returned",
            self.durable.transaction,
            self.flights.len()
        )
    }
}

fn agrees(version: &Version, found: &(u64, State)) -> bool {
    version.transaction == found.0 && *version.state == found.1
}

impl Ledger {
    /// A database that certainly holds this.
    pub fn new(version: Version) -> Ledger {
        Ledger { durable: version, later: Vec::new(), flights: Vec::new(), fallback: false, last_writer: 0 }
    }

    /// The number of the newest state that a process is known to have seen.
    pub fn newest(&self) -> u64 {
        self.later.last().unwrap_or(&self.durable).transaction
    }

    /// What a cut at this moment may leave.
    pub fn after_cut(&self) -> AfterCut {
        AfterCut {
            durable: self.durable.clone(),
            later: self.later.clone(),
            flights: self.flights.iter().map(|flight| flight.state.clone()).collect(),
            fallback: self.fallback,
        }
    }

    /// Records that a process saw this state; `since` was the newest one when it began to read.
    ///
    /// # Errors
    /// If it may not see this state.
    pub fn see(&mut self, found: (u64, State), since: u64) -> Result<Version, Broken> {
        // It may have fallen back meanwhile.
        let since = since.min(self.newest());
        let known = || std::iter::once(&self.durable).chain(&self.later);
        if let Some(version) = known().find(|version| agrees(version, &found))
            && (self.fallback || version.transaction >= since)
        {
            return Ok(version.clone());
        }
        let newest = self.newest();
        if found.0 > newest {
            let flying = || self.flights.iter().filter_map(|flight| flight.state.as_deref());
            let compacting = self.flights.iter().any(|flight| flight.state.is_none());
            let last = &*self.later.last().unwrap_or(&self.durable).state;
            let fits = flying().any(|state| *state == found.1)
                || compacting && *last == found.1
                || self.fallback && known().any(|version| *version.state == found.1);
            if fits {
                let version = Version { transaction: found.0, state: found.1.into() };
                self.later.push(version.clone());
                return Ok(version);
            }
        }
        let what = match known().find(|version| version.transaction == found.0) {
            Some(version) if *version.state == found.1 => "which is older",
            Some(_) => "with other rows than that had",
            None => "which was never committed",
        };
        Err(format!("shows transaction {} instead of {since} or a later one, {what}", found.0))
    }

    /// Records that a commit has begun to end. `None` is a compaction.
    pub fn fly(&mut self, process: u64, state: Option<Arc<State>>) {
        self.flights.push(Flight { process, state, over: false });
    }

    /// Records that it returned without an error, and that its process sees this state.
    ///
    /// # Errors
    /// If that is not what was committed.
    pub fn land(&mut self, process: u64, found: (u64, State), durable: bool) -> Result<(), Broken> {
        let newest = self.newest();
        let of = |flight: &&Flight| flight.process == process && !flight.over;
        if let Some(state) = self.flights.iter().find(of).and_then(|flight| flight.state.clone())
            && *state != found.1
        {
            return Err(format!("a commit has returned, but transaction {} shows other rows", found.0));
        }
        let version = self.see(found, newest)?;
        self.drop_flight(process);
        if durable {
            self.settle_at(&version);
        }
        Ok(())
    }

    /// Records that a commit found nothing to change.
    pub fn drop_flight(&mut self, process: u64) {
        self.flights.retain(|flight| flight.process != process || flight.over);
    }

    /// Records that a process was killed, or does not know the result of its commit. `failed`: a
    /// write may be the cause.
    pub fn doubt(&mut self, process: u64, failed: bool) {
        for flight in self.flights.iter_mut().filter(|flight| flight.process == process) {
            flight.over = true;
        }
        self.fallback |= failed;
    }

    /// Records that a process has begun to write, on top of this state. This settles which commits
    /// exist.
    ///
    /// # Errors
    /// If that state may not exist.
    pub fn decide(&mut self, process: u64, found: (u64, State)) -> Result<Version, Broken> {
        let version = self.see(found, self.newest())?;
        self.flights.retain(|flight| !flight.over);
        self.fallback = false;
        // A process that writes after another one has made durable what it found.
        self.later.retain(|later| later.transaction <= version.transaction);
        if self.last_writer != process {
            self.settle_at(&version);
        }
        self.last_writer = process;
        Ok(version)
    }

    /// Records that a process has made everything durable, and sees this state.
    ///
    /// # Errors
    /// If it may not see this state.
    pub fn decide_durable(&mut self, process: u64, found: (u64, State)) -> Result<(), Broken> {
        let version = self.decide(process, found)?;
        self.settle_at(&version);
        Ok(())
    }

    /// Marks this state as certain.
    fn settle_at(&mut self, version: &Version) {
        self.durable = version.clone();
        // States after it may have been seen already.
        self.later.retain(|later| later.transaction > version.transaction);
    }
}
