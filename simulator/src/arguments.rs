//! The arguments of the program, for `main.rs`.

use clap::Parser;
use drystone::simulation::Bug;

/// Cuts the power of a simulated disk at every event of short scripts and of random ones, and looks
/// for a lost commit.
///
/// A failure prints the command that repeats it, and ends the search with exit code 1.
#[derive(Parser)]
pub(crate) struct Options {
    /// Search random scripts until this many crash points were tried; 1000000 without --minutes
    #[arg(long, value_name = "N")]
    pub(crate) points: Option<u64>,
    /// Search until this many minutes have passed
    #[arg(long, value_name = "N")]
    pub(crate) minutes: Option<u64>,
    /// The first random script; without a limit, the only script
    #[arg(long, value_name = "S")]
    pub(crate) seed: Option<u64>,
    /// Search only this short script
    #[arg(long, value_name = "NAME")]
    pub(crate) script: Option<String>,
    /// Search runs of this many processes with one database instead, from the seed on
    #[arg(long, value_name = "N")]
    pub(crate) processes: Option<u64>,
    /// Of the runs of several processes, search only the run of this seed
    #[arg(long, value_name = "S")]
    pub(crate) run: Option<u64>,
    /// Make the disk tell this many lies about each of 1000 random scripts, or of as many as the
    /// minutes allow
    #[arg(long, value_name = "N")]
    pub(crate) lies: Option<u64>,
    /// Plant this bug in what is searched; "all" catches one bug after the other, with short
    /// searches
    #[arg(long, value_name = "NAME", value_parser = Planted::parse)]
    pub(crate) planted: Option<Planted>,
    /// How many threads to use; by default one per processor
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<u64>,
}

/// Which bugs to plant.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Planted {
    All,
    One(Bug),
}

impl Planted {
    fn parse(name: &str) -> Result<Planted, String> {
        if name == "all" {
            return Ok(Planted::All);
        }
        let found = Bug::ALL.into_iter().find(|mutant| format!("{mutant:?}") == name);
        found.map(Planted::One).ok_or_else(|| format!("there is no bug {name}; there are {:?}", Bug::ALL))
    }
}

impl Options {
    /// The bug to plant, if it is one.
    pub(crate) fn bug(&self) -> Option<Bug> {
        match self.planted {
            Some(Planted::One(mutant)) => Some(mutant),
            Some(Planted::All) | None => None,
        }
    }

    pub(crate) fn threads(&self) -> u64 {
        let all = || std::thread::available_parallelism().map_or(1, |threads| threads.get() as u64);
        self.threads.unwrap_or_else(all)
    }
}
