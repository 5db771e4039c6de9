//! What is no struct with named fields of fixed types.

use drystone::Record;

#[derive(Clone, Copy, Record)]
#[repr(u8)]
enum Color {
    Red,
    Green,
}

#[derive(Clone, Copy, Record)]
#[repr(C)]
struct Tuple(i32, i32);

#[derive(Clone, Copy, Record)]
#[repr(C)]
struct Nothing {}

#[derive(Clone, Copy, Record)]
#[repr(C)]
union Either {
    x: i32,
    y: f32,
}

#[derive(Clone, Copy, Record)]
#[repr(C)]
struct Generic<T> {
    x: T,
}

fn main() {}
