//! The limits of schemas and the catalog, for all rooms. They are part of the file format: rows of
//! the catalog have room for names of this length. `derive/` has its own copy, as a crate below.

/// Bytes of the name of a table, an index, a field, or a value of an enumeration.
pub(crate) const NAME_BYTES: usize = 64;

/// Bytes of a key, and of the entry of an index.
pub(crate) const KEY_BYTES: usize = 256;

/// Bytes of a row.
pub(crate) const ROW_BYTES: usize = 65_535;

/// Fields of a table.
pub(crate) const FIELDS: usize = 1024;

/// Fields that an index is on.
pub(crate) const INDEXED_FIELDS: usize = 32;

/// Indexes of a table. The catalog counts them in one byte.
pub(crate) const INDEXES: u8 = 255;
