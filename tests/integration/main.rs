//! All integration tests, as one binary: a module a topic.

mod flights;
mod holders;
mod record;
mod schema;
mod ui;
mod values;
