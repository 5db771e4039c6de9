//! All integration tests, as one binary: a module a topic.

mod child;
mod corruption;
mod damage;
mod edits;
mod flights;
mod footprint;
mod format;
mod full_disk;
mod golden;
mod holders;
mod kill;
mod loads;
mod model;
mod open_errors;
mod power;
mod processes;
mod record;
mod recovery;
mod schema;
mod sharing;
mod system;
mod temp;
mod threads;
mod tidy;
mod ui;
mod values;
