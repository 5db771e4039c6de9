//! Drystone: an embedded store for fixed-width records.

mod error;

pub use error::{Error, ErrorKind, Result};
