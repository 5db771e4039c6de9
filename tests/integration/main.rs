//! All integration tests, as one binary: a module a topic.

mod child;
mod crash;
mod flights;
mod full_disk;
mod holders;
mod kill;
mod model;
mod power;
mod record;
mod recovery;
mod schema;
mod sharing;
mod system;
mod temp;
mod ui;
mod values;
