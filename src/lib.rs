//! Drystone: an embedded store for fixed-width records.
//!
//! A *database* is one file, or memory, that holds named *tables*. A table has a *schema*: an ordered list of
//! *fields* of fixed width, the first of which may be its *key*. Records are stored packed, in memory-mapped pages, without
//! headers; a field is read by its byte offset.
//!
//! # A table of structs
//!
//! ```
//! use drystone::{Database, LoadOptions, Record};
//!
//! #[derive(Clone, Copy, Debug, PartialEq, Record)]
//! #[repr(C)]
//! struct Point {
//!     x: i32,
//!     y: i32,
//!     z: i32,
//! }
//!
//! # fn main() -> drystone::Result<()> {
//! let db = Database::in_memory()?;
//! let write = db.write()?;
//! let mut points = write.create_table::<Point>("points")?;
//! points.load((0..100_000).map(|x| Point { x, y: 2 * x, z: 0 }))?;
//! drop(points);
//! write.commit()?;
//!
//! let read = db.read()?;
//! let points = read.table::<Point>("points")?;
//! assert_eq!(points.get(7)?, Some(&Point { x: 7, y: 14, z: 0 }));
//! let all: &[Point] = points.as_slice()?.expect("loaded in one run");
//! assert_eq!(all.len(), 100_000);
//! # Ok(())
//! # }
//! ```
//!
//! Without a key, rows are addressed by number: [`push`](TableMut::push), [`set`](TableMut::set), [`get`](Table::get),
//! [`swap_remove`](TableMut::swap_remove). With `#[record(key)]` on its leading fields, a record is found by key:
//! [`insert`](TableMut::insert), [`upsert`](TableMut::upsert), [`update`](TableMut::update), [`remove`](TableMut::remove),
//! [`range`](Table::range), [`prefix`](Table::prefix), [`rank`](Table::rank), [`select`](Table::select).
//!
//! # A table whose schema is known at run time
//!
//! ```
//! use drystone::{Dyn, Database, RowBuf, Schema, Value};
//!
//! # fn main() -> drystone::Result<()> {
//! let schema: Schema = "id: u64 key, name: str[8], score: f32?".parse()?;
//! let db = Database::in_memory()?;
//! let write = db.write()?;
//! let mut players = write.create_dyn_table("players", &schema)?;
//! players.insert(&RowBuf::from_values(&schema, [Value::from(1), "Ada".into(), Value::Null])?)?;
//! drop(players);
//! write.commit()?;
//!
//! let read = db.read()?;
//! let row = read.table::<Dyn>("players")?.get(&[1.into()])?.expect("inserted above");
//! assert_eq!(row.get("name")?, Value::from("Ada"));
//! assert!(row.is_null("score")?);
//! # Ok(())
//! # }
//! ```
//!
//! Both doors lead to the same bytes: a table made through one can be opened through the other.
//!
//! # Queries
//!
//! [`query`]: rows filtered, sorted, grouped and added up, by fields that are named by name or by byte offset, with predicates that are made
//! in Rust or read from text: `flights.query().filter("carrier = 'UA' and delay > 60".parse()?).count()?`.
//!
//! # Transactions
//!
//! [`Database::read`] takes a snapshot: it never waits and does not change, and references into it live as long as it does.
//! [`Database::write`] is the one transaction that writes; it sees its own changes, [`commit`](WriteTransaction::commit)
//! makes them everyone's, all or nothing, and dropping it undoes them. What `commit` returned from survives a power cut,
//! unless [`Durability::Eventual`] was asked for.
//!
//! # Errors
//!
//! One [`Error`] with an [`ErrorKind`]. Its message names the table, field, page or line, what was expected, what was found, and
//! where there is one the way out. Damaged and hostile files give errors, never panics. Calls that take a
//! [`Field`] handle and return no `Result` panic if another schema made it; no other call panics on what it is given.
//!
//! # Features
//!
//! - `derive` (default): `#[derive(Record)]`.
//! - `csv`: the module `csv`, comma-separated values in and out, with inferred schemas.
//! - `arrow`: the module `arrow`, record batches, Arrow files and streams in and out, the C stream interface.
//! - `parquet`: the module `parquet`, the same for Parquet files.
//! - `json`: the module `json`, an object a line in and out, with inferred schemas.
//! - `numpy`: the module `numpy`, `.npy` files in and out, and the dtype of a schema.
//! - `serde`: rows, values, schemas and the rows of a query to and from serde formats.

mod backup;
mod catalog;
mod compact;
mod database;
mod diff;
mod error;
mod exchange;
#[expect(unsafe_code, reason = "lends a value by a shared reference, one at a time")]
mod lease;
mod load;
mod page;
pub mod query;
mod record;
mod salvage;
mod schema;
#[cfg(feature = "simulation")]
#[doc(hidden)]
pub mod simulation;
mod storage;
mod table;
mod transaction;
mod tree;
mod verify;

/// The crate whose traits say that any bytes are a value of a type: a [`Record`] is
/// `bytemuck::Pod`.
pub use bytemuck;

pub use backup::BackupReport;
pub use compact::CompactReport;
pub use database::{Database, DatabaseStats, OpenOptions};
pub use diff::{Diff, DiffStats, RowChange, RowChanges, TableDiff};
#[cfg(feature = "derive")]
pub use drystone_derive::{FieldType, Record};
pub use error::{Error, ErrorKind, Result};
#[cfg(feature = "arrow")]
pub use exchange::arrow;
#[cfg(feature = "csv")]
pub use exchange::csv;
#[cfg(feature = "json")]
pub use exchange::json;
#[cfg(feature = "numpy")]
pub use exchange::numpy;
#[cfg(feature = "parquet")]
pub use exchange::parquet;
pub use load::{LoadOptions, LoadReport, OnDuplicate, RecordSource};
pub use page::{Durability, ReaderInfo};
#[cfg(feature = "serde")]
pub use record::RowSeed;
#[doc(hidden)]
pub use record::derived as __private;
pub use record::{
    Bool, Date, Enum, EnumRepr, Enumerated, Enumeration, Field, FieldType, Key, Keyed, Nullable, PrefixOf,
    Record, Reserve, Row, RowBuf, Selector, Text, Timestamp, Unkeyed, Uuid, Value, Values,
};
pub use salvage::{Loss, SalvageReport};
pub use schema::{EnumNames, FieldDef, Number, Schema, SchemaBuilder, Type};
pub use table::{
    Dyn, Index, IndexInfo, IndexKey, IndexOptions, IndexRows, RowKind, RowSlice, Rows, Slices, Table,
    TableMut, Updated,
};
pub use transaction::{OwnedRows, OwnedTable, ReadTransaction, TableOptions, TableStats, WriteTransaction};
pub use verify::{CheckReport, Problem};

/// The examples of the README, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
