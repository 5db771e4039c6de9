//! A prefix is made of the leading fields of the key, of their very types.

use drystone::{Record, Table};

#[derive(Clone, Copy, Record)]
#[repr(C)]
struct Edge {
    #[record(key)]
    from: u16,
    #[record(key)]
    to: u16,
    weight: u32,
}

fn prefixes(edges: Table<'_, Edge>) {
    let _ = edges.prefix((7_i32,));
    let _ = edges.prefix((7_u8, 3_u8));
    let _ = edges.prefix((7, 3, 1));
    let _ = edges.prefix(7_u32);
    let _ = edges.prefix([7_u8, 0]);
    let _ = edges.prefix((-7, 3.0));
}

fn main() {}
