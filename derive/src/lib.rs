//! `#[derive(Record)]` and `#[derive(FieldType)]` for drystone, which re-exports them. They write
//! the schema of a struct, and the proof that its bytes in memory are its bytes in the file. A type
//! without that proof is a compile error that names the fix.

mod attributes;
mod case;
mod default;
mod emit;
mod enumeration;
mod field;
mod input;
mod names;
mod newtype;
mod problems;
mod types;

use proc_macro::TokenStream;
use syn::{Data, DeriveInput, Error, parse_macro_input};

/// Implements `Record` for a plain struct: its fields become the schema, in their order.
///
/// The struct must have named fields of types that implement `FieldType`, no padding, `#[repr(C)]`
/// or `#[repr(C, packed)]`, and be `Clone + Copy`. Padding is a compile error: put the widest
/// fields first, or pack the struct.
///
/// If the struct has a key, it also gets a method `key` that returns it.
///
/// Attributes of the struct:
/// - `#[record(getters)]`: adds a method for each field that returns its value. A field of a packed
///   struct cannot be borrowed, so use this where a method or a macro would borrow it:
///   `flight.delay().get()`.
/// - `#[record(crate = "path")]`: the path of drystone, if it is not `::drystone`.
///
/// Attributes of a field:
/// - `#[record(key)]`: part of the key. Key fields come first.
/// - `#[record(rename = "dep time")]`: the name in the schema.
/// - `#[record(default = 5)]`: the default: the value in rows that were written before the field
///   was added, and in a new `RowBuf`. It is a number, `true`, `false`, `null`, an array `[1, 2,
///   3]`, or the text of the value in quotes, such as `"2013-01-31"`. Dates, timestamps, uuids,
///   bytes and arrays are parsed when the schema is first used, which panics if the text is
///   invalid. All other defaults are checked at compile time.
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
/// let schema = "id: u64 key, carrier: str[2], \"dep delay\": i16? = null";
/// assert_eq!(Flight::schema().to_string(), schema);
/// ```
#[proc_macro_derive(Record, attributes(record))]
pub fn derive_record(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    match input::read(&input) {
        Ok(record) => emit::record(&record).into(),
        Err(error) => error.into_compile_error().into(),
    }
}

/// Implements `FieldType` for a type of your own, so that a field of a record can have it.
///
/// - **An enum** whose variants have no values, with `#[repr(u8)]` (up to 256 variants) or
///   `#[repr(u16)]`, becomes an enumeration: `Enum<Side>` in records, and `enum[buy, sell]` in
///   schemas. The names are those of the variants in snake case; `#[field(rename = "UA")]` on a
///   variant gives it another name, and `#[field(rename_all = "UPPERCASE")]` on the enum changes
///   all of them (`snake_case`, `kebab-case`, `lowercase`, `UPPERCASE`, `SCREAMING_SNAKE_CASE`,
///   `PascalCase`).
/// - **A struct** around one field, with `#[repr(transparent)]`, is stored like that field, and can
///   be a key if that field can.
///
/// Both must be `Clone + Copy`. `#[field(crate = "path")]` gives the path of drystone, if it is not
/// `::drystone`.
///
/// ```
/// use drystone::{Enum, FieldType, Record};
///
/// #[derive(Clone, Copy, PartialEq, FieldType)]
/// #[repr(u8)]
/// enum Side {
///     Buy,
///     Sell,
/// }
///
/// #[derive(Clone, Copy, PartialEq, FieldType)]
/// #[repr(transparent)]
/// struct SymbolId(u32);
///
/// #[derive(Clone, Copy, Record)]
/// #[repr(C, packed)]
/// struct Trade {
///     #[record(key)]
///     symbol: SymbolId,
///     side: Enum<Side>,
/// }
///
/// assert_eq!(Trade::schema().to_string(), "symbol: u32 key, side: enum[buy, sell]");
/// let trade = Trade { symbol: SymbolId(7), side: Side::Buy.into() };
/// assert!(trade.side == Side::Buy && trade.key() == SymbolId(7));
/// ```
#[proc_macro_derive(FieldType, attributes(field))]
pub fn derive_field_type(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    let code = match &input.data {
        Data::Enum(data) => enumeration::derive(&input, data),
        Data::Struct(data) => newtype::derive(&input, data),
        Data::Union(_) => Err(Error::new_spanned(
            &input.ident,
            "a union cannot be a field type: write a struct around one field",
        )),
    };
    code.unwrap_or_else(Error::into_compile_error).into()
}
