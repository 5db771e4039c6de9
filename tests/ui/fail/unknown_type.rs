//! A type of the program's own, which is no field of a record.

use drystone::Record;

#[derive(Clone, Copy)]
struct Meters(f64);

#[derive(Clone, Copy, Record)]
#[repr(C)]
struct Point {
    x: Meters,
}

fn main() {}
