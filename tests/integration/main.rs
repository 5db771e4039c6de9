//! All integration tests, as one binary: a module a topic.

mod child;
mod flights;
mod holders;
mod model;
mod record;
mod recovery;
mod schema;
mod temp;
mod ui;
mod values;
