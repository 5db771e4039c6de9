//! Arrays of numbers have no order.

use drystone::Record;

#[derive(Clone, Copy, Record)]
#[repr(C)]
struct Array {
    #[record(key)]
    id: [f32; 2],
}

fn main() {}
