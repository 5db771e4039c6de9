//! Apache Arrow: record batches, files and streams read as records ([`Batches`]) and made of them ([`record_batch`],
//! [`Writer`], [`TableBatches`]), and schemas mapped both ways.

mod batches;
mod decode;
mod encode;
mod infer;
mod messages;
mod schema;
mod table;
mod write;

pub use crate::exchange::inferred::Inferred;
pub use arrow_array;
pub use arrow_schema;
pub use batches::{Batches, Records};
pub use encode::record_batch;
pub use schema::to_schema;
pub use table::TableBatches;
pub use write::{Layout, Writer};

use batches::unread;
#[cfg(feature = "parquet")]
pub(super) use {batches::guarded, encode::Gathered};
