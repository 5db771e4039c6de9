//! Keys that cannot be.

use drystone::{Nullable, Record};

#[derive(Clone, Copy, Record)]
#[repr(C)]
struct Late {
    x: u64,
    #[record(key)]
    id: u64,
}

#[derive(Clone, Copy, Record)]
#[repr(C)]
struct Null {
    #[record(key)]
    id: Nullable<u64>,
}

#[derive(Clone, Copy, Record)]
#[repr(C)]
struct Wide {
    #[record(key)]
    id: [u8; 257],
}

type Maybe = Nullable<u64>;

#[derive(Clone, Copy, Record)]
#[repr(C)]
struct Alias {
    #[record(key)]
    id: Maybe,
}

fn main() {}
