//! Drystone tables in DataFusion.

mod arrow_versions;
pub mod cluster;
mod database;
mod error;
mod filter;
mod insert;
mod scan;
mod session;
mod statistics;
mod table;

pub use database::DatabaseTables;
pub use scan::Opener;
pub use session::SqlSession;
pub use table::DrystoneTable;
