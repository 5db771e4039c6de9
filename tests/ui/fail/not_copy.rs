//! A record is copied byte by byte.

use drystone::Record;

#[derive(Record)]
#[repr(C)]
struct Point {
    x: i32,
}

fn main() {}
