//! Defaults that their fields cannot hold.

use drystone::{Bool, Nullable, Record, Text};

#[derive(Clone, Copy, Record)]
#[repr(C, packed)]
struct Wrong {
    #[record(default = 40_000)]
    a: i16,
    #[record(default = -1)]
    b: Nullable<u8>,
    #[record(default = -32_768)]
    d: Nullable<i16>,
    #[record(default = 1)]
    e: Bool,
    #[record(default = "1,5")]
    f: f64,
    #[record(default = f())]
    g: i32,
}

#[derive(Clone, Copy, Record)]
#[repr(C)]
struct Long {
    #[record(default = "UAL")]
    carrier: Text<2>,
}

#[derive(Clone, Copy, Record)]
#[repr(C)]
struct Never {
    #[record(default = null)]
    x: i32,
}

fn main() {}
