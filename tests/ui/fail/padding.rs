//! Bytes between the fields that belong to none of them.

use drystone::Record;

#[derive(Clone, Copy, Record)]
#[repr(C)]
struct Point {
    tag: u8,
    x: i32,
}

#[derive(Clone, Copy, Record)]
#[repr(C, packed(2))]
struct Packed {
    x: i32,
    tag: u8,
}

fn main() {}
