//! The two tables that are compared. The name of this module is the one of the room of queries, to
//! which our table is private.

#[path = "../../../src/query/run/keys.rs"]
#[allow(dead_code, reason = "only the look-ups are measured")]
mod keys;
mod with_hashbrown;

pub(super) use with_hashbrown::WithHashbrown;

use super::Table;

/// The width of a key.
const WIDTH: usize = 16;

/// The table of the library.
pub(super) struct Ours(keys::Keys);

impl Table for Ours {
    fn new() -> Ours {
        Ours(keys::Keys::new(WIDTH))
    }

    fn of_key(&mut self, key: &[u8]) -> u32 {
        self.0.of_key(key)
    }
}
