//! Types that people try and that no record can hold: each error names what to use instead.

use drystone::{Nullable, Record};

#[derive(Clone, Copy, Record)]
#[repr(C)]
struct Wrong {
    a: bool,
    b: char,
    c: String,
    d: &'static str,
    e: Option<i16>,
    f: Vec<u8>,
    g: usize,
    h: isize,
    i: (i32, i32),
    j: [bool; 4],
    k: [[f32; 3]; 3],
    l: Nullable<bool>,
    m: Nullable<Nullable<i16>>,
    n: std::time::SystemTime,
}

fn main() {}
