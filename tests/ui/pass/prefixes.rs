//! Literals in a prefix take their types from the key.

use drystone::{Date, Record, Result, Table, TableMut};

#[derive(Clone, Copy, Record)]
#[repr(C, packed)]
struct Event {
    #[record(key)]
    kind: u8,
    #[record(key)]
    weight: f32,
    #[record(key)]
    day: Date,
    n: u32,
}

#[derive(Clone, Copy, Record)]
#[repr(C)]
struct One {
    #[record(key)]
    id: u64,
}

fn all(events: Table<'_, Event>, ones: &TableMut<'_, One>) -> Result<()> {
    events.prefix(7)?;
    events.prefix((7,))?;
    events.prefix((7, 2.5))?;
    events.prefix((7, 2.5, Date::from_days(1)))?;
    ones.prefix(5)?;
    ones.prefix((5,))?;
    Ok(())
}

fn main() {
    let _ = all;
}
