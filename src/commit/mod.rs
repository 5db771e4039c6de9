//! Commits: the meta pages, the order of writes and syncs, recovery, and who reads which state.
//!
//! Used by transactions and by opening. Nothing here knows what the pages of a state hold.

mod lock_table;
mod meta;
mod order;
mod readers;
mod recover;

pub(crate) use lock_table::{LOCK_FILE_BYTES, LOCK_FILE_LIMIT, LOCK_FILE_MAGIC};
#[cfg(feature = "simulation")]
pub use meta::empty_image;
pub(crate) use meta::{
    Meta, NO_ORIGIN, create as create_meta, create_copy as create_copied_meta, damaged_meta_pages,
    file_id_of, highest_number, meta_page_of,
};
pub(crate) use order::Commits;
pub use order::Durability;
pub use readers::ReaderInfo;
pub(crate) use readers::{Pin, Readers};
