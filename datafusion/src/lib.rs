//! Drystone tables in DataFusion.

mod arrow_versions;
pub mod cluster;
mod error;
mod filter;
mod insert;
mod scan;
mod statistics;
mod table;

pub use scan::Opener;
pub use table::DrystoneTable;
