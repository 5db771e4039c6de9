//! Enums and structs around a field, in a module without the prelude's names, and a method for each
//! field.

#![no_implicit_prelude]

#[derive(::std::clone::Clone, ::std::marker::Copy, ::drystone::FieldType)]
#[repr(u8)]
enum Side {
    Buy = 0,
    Sell = 1,
}

#[derive(::std::clone::Clone, ::std::marker::Copy, ::std::cmp::PartialEq, ::drystone::FieldType)]
#[repr(transparent)]
pub struct Symbol {
    id: u32,
}

#[derive(::std::clone::Clone, ::std::marker::Copy, ::drystone::Record)]
#[record(getters)]
#[repr(C, packed)]
pub struct Trade {
    #[record(key)]
    symbol: Symbol,
    #[record(default = "sell")]
    side: ::drystone::Enum<Side>,
}

fn main() {
    let trade = Trade { symbol: Symbol { id: 7 }, side: ::drystone::Enum::new(Side::Buy) };
    ::std::assert!(trade.key() == Symbol { id: 7 } && trade.symbol() == trade.key());
    ::std::assert!(trade.side() == Side::Buy);
    let schema = ::std::string::ToString::to_string(<Trade as ::drystone::Record>::schema());
    ::std::assert_eq!(schema, "symbol: u32 key, side: enum[buy, sell] = sell");
}
