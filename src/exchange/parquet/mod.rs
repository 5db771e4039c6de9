//! Apache Parquet: files read as record batches ([`open`]), and so as records, and written from rows ([`Writer`]).

mod read;
mod write;

pub use read::open;
pub use write::Writer;
