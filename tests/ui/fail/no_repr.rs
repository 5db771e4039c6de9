//! Without repr(C) the compiler may reorder the fields.

use drystone::Record;

#[derive(Clone, Copy, Record)]
struct Point {
    x: i32,
}

#[derive(Clone, Copy, Record)]
#[repr(packed)]
struct Packed {
    x: i32,
}

#[derive(Clone, Copy, Record)]
#[repr(transparent)]
struct Transparent {
    x: i32,
}

fn main() {}
