//! Enums and structs that cannot be a type of field, and an enum that is used without `Enum`.

use drystone::FieldType;

#[derive(Clone, Copy, FieldType)]
enum NoRepr {
    A,
}

#[derive(Clone, Copy, FieldType)]
#[repr(u16)]
enum TooWide {
    A,
}

#[derive(Clone, Copy, FieldType)]
#[repr(u8)]
enum WithValues {
    A(u8),
    B { x: u8 },
}

#[derive(Clone, Copy, FieldType)]
#[repr(u8)]
enum Numbered {
    A = 0,
    B = 7,
}

#[derive(Clone, Copy, FieldType)]
#[repr(u8)]
enum Twice {
    Buy,
    #[field(rename = "buy")]
    Sell,
    #[field(rename = "")]
    Empty,
    #[field(name = "x")]
    Unknown,
}

#[derive(Clone, Copy, FieldType)]
#[field(rename_all = "Snake")]
#[repr(u8)]
enum OtherCase {
    A,
}

#[derive(Clone, Copy, FieldType)]
#[repr(u8)]
enum Nothing {}

#[derive(Clone, Copy, FieldType)]
struct NotTransparent(u32);

#[derive(Clone, Copy, FieldType)]
#[repr(transparent)]
struct Two(u32, u32);

#[derive(Clone, Copy, FieldType)]
#[repr(transparent)]
struct Flag(bool);

#[derive(Clone, Copy, FieldType)]
#[repr(transparent)]
struct Generic<T>(T);

#[derive(Clone, Copy, FieldType)]
union Either {
    x: u32,
    y: f32,
}

fn main() {}
