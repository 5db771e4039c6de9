//! Drystone is an embedded store for fixed-width records. A *database* is one file, or memory, that
//! holds named *tables*. A table has a *schema*: an ordered list of *fields* of fixed width, the
//! first of which may be its *key*. Rows are stored packed, in memory-mapped pages, and read in
//! place.
//!
//! It runs on 64-bit little-endian Linux. One transaction writes at a time; any number of threads
//! and processes read. The module `guide` has guides for users of other stores.
//!
//! # Typed rows
//!
//! ```
//! use drystone::{Database, Record};
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
//! let db = Database::in_memory()?; // or unsafe { Database::open("points.dry")? }
//! db.update(|tx| {
//!     let mut points = tx.create_table::<Point>("points")?;
//!     points.load((0..100_000).map(|x| Point { x, y: 2 * x, z: 0 }))
//! })?;
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
//! A table without a key addresses rows by number: [`push`](TableMut::push),
//! [`set`](TableMut::set), [`get`](Table::get), [`swap_remove`](TableMut::swap_remove). With
//! `#[record(key)]` on the leading fields, rows are found by key: [`insert`](TableMut::insert),
//! [`upsert`](TableMut::upsert), [`update`](TableMut::update), [`remove`](TableMut::remove),
//! [`range`](Table::range), [`prefix`](Table::prefix), [`rank`](Table::rank),
//! [`select`](Table::select).
//!
//! Fields are integers, floats, [`Bool`], [`Text`], byte arrays, [`Date`], [`Timestamp`], [`Uuid`],
//! enumerations and newtypes (`#[derive(FieldType)]`), and arrays of them; [`Nullable`] adds null
//! at no cost.
//!
//! # Dynamic rows
//!
//! If the schema is known only at run time, the kind of the rows is [`Dyn`]. Such tables have the
//! same methods. A table that was created with a type can be opened as `Dyn`, and the other way
//! round.
//!
//! ```
//! use drystone::{Database, Dyn, RowBuf, Schema, Value};
//!
//! # fn main() -> drystone::Result<()> {
//! let schema: Schema = "id: u64 key, name: str[8], score: f32?".parse()?;
//! let db = Database::in_memory()?;
//! db.update(|tx| {
//!     let mut players = tx.create_dyn_table("players", &schema)?;
//!     players.insert(&RowBuf::from_values(&schema, [Value::from(1), "Ada".into(), Value::Null])?)
//! })?;
//!
//! let read = db.read()?;
//! let row = read.table::<Dyn>("players")?.get(&[1.into()])?.expect("inserted above");
//! assert_eq!(row.get("name")?, Value::from("Ada"));
//! assert!(row.is_null("score")?);
//! # Ok(())
//! # }
//! ```
//!
//! # Queries
//!
//! The module [`query`] filters, sorts, groups and aggregates rows. Fields are given by name or by
//! byte offset; predicates are built in Rust or parsed from text: `flights.query().filter("carrier
//! = 'UA' and delay > 60".parse()?).count()?`.
//!
//! # Transactions
//!
//! - [`Database::update`] runs a closure in a write transaction. It commits if the closure returns
//!   `Ok`, and undoes everything on an error or a panic.
//! - [`Database::write`] begins the same transaction without a closure.
//!   [`commit`](WriteTransaction::commit) publishes all changes atomically; dropping it without
//!   `commit` discards them.
//! - [`Database::read`] takes a snapshot. It never waits and never changes. References to rows live
//!   as long as the snapshot.
//! - [`Database::table`] opens a table that owns its snapshot: an [`OwnedTable`] has no lifetime.
//!
//! Once `commit` returns, the changes survive a power cut, unless you asked for
//! [`Durability::Eventual`].
//!
//! # Errors
//!
//! There is one [`Error`] with an [`ErrorKind`]. Its message names the table, field, page or line,
//! what was expected, what was found and, if there is one, the way out. Damaged and hostile files
//! cause errors, never panics. Calls that take a [`Field`] handle and return no `Result` panic if
//! another schema made the handle. [`Text::lit`] and the operators `+` and `-` of [`Timestamp`]
//! panic if the result does not fit, and [`Key::encode`] if the buffer has the wrong length. No
//! other call panics on its arguments.
//!
//! # Features
//!
#![cfg_attr(feature = "__docs", doc = document_features::document_features!())]
#![cfg_attr(not(feature = "__docs"), doc = "`Cargo.toml` and the README list the features.")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod admin;
mod catalog;
mod commit;
mod database;
mod error;
mod exchange;
#[cfg(any(doc, doctest))]
pub mod guide;
#[expect(unsafe_code, reason = "lends a value by a shared reference, one at a time")]
mod lease;
mod limits;
mod load;
mod order;
mod page;
pub mod query;
mod record;
mod schema;
#[cfg(feature = "simulation")]
#[doc(hidden)]
pub mod simulation;
mod space;
mod storage;
mod table;
mod text_cursor;
mod transaction;
mod tree;

/// The crate that defines `Pod`, the trait of types for which any bytes are valid. A [`Record`] is
/// `Pod`.
pub use bytemuck;

pub use admin::{
    ApplyReport, BackupReport, CheckReport, CompactReport, Diff, DiffStats, Loss, PatchReport, Problem,
    RowChange, RowChanges, SalvageReport, Shard, ShardOptions, Shards, Since, TableDiff,
};
pub use commit::{Durability, ReaderInfo};
pub use database::{Database, DatabaseStats, OpenOptions};
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
#[cfg(feature = "serde")]
pub use record::RowSeed;
#[doc(hidden)]
pub use record::derived as __private;
pub use record::{
    Bool, Date, Enum, EnumRepr, Enumerated, Enumeration, Field, FieldType, IntoField, Key, Keyed, NullValue,
    Nullable, PrefixOf, Record, Row, RowBuf, Text, Timestamp, Unkeyed, Uuid, Value, Values,
};
pub use schema::{EnumNames, FieldDef, Number, Schema, SchemaBuilder, TimestampUnit, Type};
pub use table::{
    Dyn, Index, IndexInfo, IndexKey, IndexOptions, IndexRows, RowKind, RowSlice, Rows, Slices, Table,
    TableMut, Updated,
};
pub use transaction::{
    OwnedQueryStream, OwnedRows, OwnedTable, ReadTransaction, TableOptions, TableStats, WriteTransaction,
};

/// The examples of the README, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
