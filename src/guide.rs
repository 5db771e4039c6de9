//! Guides: where to begin if you come from another store, and how to use Drystone in servers,
//! threads and tests. Every example runs as a test.

#[doc = include_str!("../docs/guide/redb.md")]
pub mod redb {}

#[doc = include_str!("../docs/guide/lmdb.md")]
pub mod lmdb {}

#[doc = include_str!("../docs/guide/sqlite.md")]
pub mod sqlite {}

#[doc = include_str!("../docs/guide/numpy.md")]
pub mod numpy {}

#[doc = include_str!("../docs/guide/web.md")]
pub mod web {}

#[doc = include_str!("../docs/guide/threads.md")]
pub mod threads {}

#[doc = include_str!("../docs/guide/testing.md")]
pub mod testing {}

#[doc = include_str!("../docs/guide/schema_changes.md")]
pub mod schema_changes {}

#[doc = include_str!("../docs/guide/safety.md")]
pub mod safety {}

#[cfg(feature = "arrow")]
#[doc = include_str!("../docs/guide/arrow_versions.md")]
pub mod arrow_versions {}
