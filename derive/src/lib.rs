//! `#[derive(Record)]` for drystone.
