//! `#[derive(Record)]` for drystone, which re-exports it: reads a struct, and writes its schema, its key, and the proof that
//! its bytes in memory are its bytes in the file. What cannot be a record is a compile error that says the mend.

mod default;
mod emit;
mod field;
mod input;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Makes a plain struct a record: its fields become the schema, in their order.
///
/// The struct has named fields of types that a record can hold, no padding, `#[repr(C)]` or `#[repr(C, packed)]`, and is
/// `Clone + Copy`. Where there would be padding, the compiler says so; then put the widest fields first, or pack the struct.
///
/// Attributes of a field:
/// - `#[record(key)]`: part of the key. Key fields come first.
/// - `#[record(rename = "dep time")]`: the name in the schema.
/// - `#[record(default = 5)]`: what rows have here that were written before there was such a field, and what
///   `RowBuf::new` fills in; a number, `true`, `false`, `null`, an array `[1, 2, 3]`, or the text of the value in quotes,
///   such as `"2013-01-31"`. Dates, timestamps, uuids, bytes and arrays are read when the schema is first used, which then panics if
///   the text is none; all else is checked when the program is compiled.
///
/// ```
/// use drystone::{Nullable, Record, Text};
///
/// #[derive(Clone, Copy, Record)]
/// #[repr(C, packed)]
/// struct Flight {
///     #[record(key)]
///     id: u64,
///     carrier: Text<2>,
///     #[record(rename = "dep delay", default = null)]
///     delay: Nullable<i16>,
/// }
///
/// assert_eq!(Flight::schema().to_string(), "id: u64 key, carrier: str[2], \"dep delay\": i16? = null");
/// ```
#[proc_macro_derive(Record, attributes(record))]
pub fn derive_record(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    match input::read(&input) {
        Ok(record) => emit::record(&record).into(),
        Err(error) => error.into_compile_error().into(),
    }
}
