//! Bulk loading: records from any source, sorted if they must be, laid down as full leaves in one run.

mod source;

pub use source::RecordSource;
