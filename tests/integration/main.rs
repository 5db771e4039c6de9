//! All integration tests, as one binary: a module a topic.

mod backup;
mod child;
mod compact;
mod corruption;
mod damage;
mod diff;
mod edits;
#[cfg(feature = "parquet")]
mod exchange;
mod flights;
mod footprint;
mod format;
mod full_disk;
mod golden;
mod holders;
mod indexes;
mod kill;
mod loads;
mod lookups;
mod model;
mod open_errors;
mod panics;
mod power;
mod processes;
mod queries;
mod record;
mod recovery;
mod schema;
mod sharing;
mod splits;
mod system;
mod temp;
mod threads;
mod tidy;
mod ui;
mod values;
