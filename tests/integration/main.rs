//! All integration tests, as one binary: a module a topic.

mod ui;
