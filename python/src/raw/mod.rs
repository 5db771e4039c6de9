//! Rows: views of stored records as lean Python objects. All unsafe code of the package is in this
//! folder. Every function here runs with the GIL held; that is what makes the cells sound.
//!
//! A row has the bytes of its record inside itself, or points to them in its owner: a snapshot,
//! whose bytes never move, or a list, which keeps a register of its live rows and moves them along.

#![expect(unsafe_code, reason = "objects laid out by hand, read without a call")]

mod cell;
mod class;
mod field;
mod memory;
mod row;

pub(crate) use cell::GilCell;
pub(crate) use class::{check_interpreter, class_address, layout_of, row_class};
pub(crate) use field::{bind_descriptor, descriptor};
pub(crate) use memory::{Exporter, Shape, open_database, stream_of_capsule, with_buffer};
pub(crate) use row::{
    Live, OwnerLeft, RowKind, RowPointer, RowRef, list_row, prefetch, still_row, value_row, written_row,
};
