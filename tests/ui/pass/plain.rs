//! A record without a key, in a crate that forbids unsafe code and does not know bytemuck.
#![forbid(unsafe_code)]
#![deny(warnings)]

use drystone::Record;

#[derive(Clone, Copy, Debug, PartialEq, Record)]
#[repr(C)]
pub struct Point {
    x: i32,
    y: i32,
    z: i32,
}

fn by_number<T: Record + drystone::Unkeyed>() -> drystone::Result<()> {
    assert_eq!(T::schema().to_string(), "x: i32, y: i32, z: i32");
    assert!(!T::schema().is_keyed());
    Ok(())
}

fn main() -> drystone::Result<()> {
    by_number::<Point>()
}
