//! All integration tests, as one binary: a module a topic.

mod flights;
mod holders;
mod model;
mod record;
mod schema;
mod temp;
mod ui;
mod values;
