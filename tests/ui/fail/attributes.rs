//! Attributes that say nothing, or what cannot be.

use drystone::Record;

#[derive(Clone, Copy, Record)]
#[repr(C)]
struct Unknown {
    #[record(primary)]
    x: i32,
}

#[derive(Clone, Copy, Record)]
#[record(key)]
#[repr(C)]
struct OnTheStruct {
    x: i32,
}

#[derive(Clone, Copy, Record)]
#[repr(C)]
struct Names {
    #[record(rename = "")]
    x: i32,
    #[record(rename = "a name that has more than the sixty-four bytes that a name can have in all")]
    y: i32,
}

#[derive(Clone, Copy, Record)]
#[repr(C)]
struct Twice {
    x: i32,
    #[record(rename = "x")]
    y: i32,
}

fn main() {}
