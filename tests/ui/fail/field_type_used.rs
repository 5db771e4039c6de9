//! An enum in a record without `Enum`, a struct that is no field type, a default that is no name.

use drystone::{Enum, FieldType, Record};

#[derive(Clone, Copy, FieldType)]
#[repr(u8)]
enum Side {
    Buy,
    Sell,
}

#[derive(Clone, Copy)]
#[repr(transparent)]
struct Plain(u32);

#[derive(Clone, Copy, Record)]
#[repr(C)]
struct WithoutEnum {
    side: Side,
}

#[derive(Clone, Copy, Record)]
#[repr(C)]
struct WithPlain {
    id: Plain,
}

#[derive(Clone, Copy, FieldType)]
#[repr(transparent)]
struct Around(Plain);

#[derive(Clone, Copy, Record)]
#[repr(C)]
struct NoName {
    #[record(default = "hold")]
    side: Enum<Side>,
}

#[derive(Clone, Copy, FieldType)]
#[repr(transparent)]
struct Place([f32; 2]);

#[derive(Clone, Copy, Record)]
#[repr(C)]
struct KeyWithoutOrder {
    #[record(key)]
    place: Place,
}

fn main() {}
