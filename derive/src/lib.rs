//! `#[derive(Record)]` and `#[derive(FieldType)]` for drystone, which re-exports them. They write
//! the schema of a struct, and the proof that its bytes in memory are its bytes in the file. A type
//! for which that does not hold is a compile error that names the fix.

mod case;
mod default;
mod emit;
mod enumeration;
mod field;
mod input;
mod newtype;

use proc_macro::TokenStream;
use syn::{Data, DeriveInput, Error, parse_macro_input};

/// Makes a plain struct a record: its fields become the schema, in their order.
///
/// The struct has named fields of types that a record can hold, no padding, `#[repr(C)]` or
/// `#[repr(C, packed)]`, and is `Clone + Copy`. Where there would be padding, the compiler says so;
/// then put the widest fields first, or pack the struct.
///
/// The struct also gets a method `key`, which returns the key, if it has one.
///
/// Attributes of the struct:
/// - `#[record(getters)]`: a method for each field that returns its value. A field of a packed
///   struct cannot be borrowed, so this is how to read one where a method or a macro would borrow
///   it: `flight.delay().get()`.
/// - `#[record(crate = "path")]`: the path of drystone, where it is not `::drystone`.
///
/// Attributes of a field:
/// - `#[record(key)]`: part of the key. Key fields come first.
/// - `#[record(rename = "dep time")]`: the name in the schema.
/// - `#[record(default = 5)]`: what rows have here that were written before there was such a field,
///   and what `RowBuf::new` fills in; a number, `true`, `false`, `null`, an array `[1, 2, 3]`, or
///   the text of the value in quotes, such as `"2013-01-31"`. Dates, timestamps, uuids, bytes and
///   arrays are read when the schema is first used, which then panics if the text is none; all else
///   is checked when the program is compiled.
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

/// Makes a type of your own one that a field of a record can have.
///
/// - **An enum** whose variants have no values, with `#[repr(u8)]` (up to 256 variants) or
///   `#[repr(u16)]`, becomes an enumeration: it stands in records as `Enum<Side>`, and in schemas
///   as `enum[buy, sell]`. The names are those of the variants in snake case; `#[field(rename =
///   "UA")]` on a variant gives it another name, and `#[field(rename_all = "UPPERCASE")]` on the
///   enum changes all of them (`snake_case`, `kebab-case`, `lowercase`, `UPPERCASE`,
///   `SCREAMING_SNAKE_CASE`, `PascalCase`).
/// - **A struct** around one field, with `#[repr(transparent)]`, is stored as that field is, and
///   can be a key where that can.
///
/// Both are `Clone + Copy`. `#[field(crate = "path")]` gives the path of drystone, where it is not
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
