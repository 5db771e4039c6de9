//! The catalog: which tables and indexes there are, what their rows look like, and where their
//! trees start. Transactions, tables and administration read it; only write transactions change it.
//!
//! It is two trees of fixed-width rows, like all others. One has the tables and indexes by name,
//! the other their fields by table number and position. The meta page has the roots of both. An
//! index is a row like that of a table, with the number of the table that it is on.

mod cache;
mod definition;
mod edit;
mod fields;
mod layouts;
mod lookup;
mod table_row;

pub(crate) use cache::{Definitions, Known};
pub(crate) use definition::{Definition, Role};
pub(crate) use edit::CatalogEdit;
pub(crate) use fields::field_rows;
pub(crate) use layouts::{entry_layout, fields_layout, layout_for, tables_layout};
pub(crate) use lookup::{Catalog, no_index};
pub(crate) use table_row::check_name;
