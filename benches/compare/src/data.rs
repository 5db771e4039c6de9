//! The rows that all stores hold. Every key and every field is a function of the row's number, so
//! that reads can be checked without a second copy.

use bytemuck::{Pod, Zeroable};

pub(crate) type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// The value of a key: twelve bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct Value {
    pub(crate) x: i32,
    pub(crate) y: i32,
    pub(crate) z: i32,
}

impl Value {
    pub(crate) fn of_key(key: u64) -> Value {
        Value { x: (key >> 7) as i32, y: key as i32, z: (key >> 32) as i32 }
    }

    /// The bytes of the value, for stores of bytes.
    pub(crate) fn to_bytes(self) -> [u8; 12] {
        bytemuck::cast(self)
    }

    /// # Panics
    /// If a store returns a value of another length.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Value {
        bytemuck::pod_read_unaligned(bytes)
    }
}

/// The random key of a row; no two rows have the same.
pub(crate) fn key_of_row(row: u64) -> u64 {
    mix(row.wrapping_add(0x9E37_79B9_7F4A_7C15))
}

/// The last steps of splitmix64: a permutation of all numbers.
fn mix(mut key: u64) -> u64 {
    key = (key ^ (key >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    key = (key ^ (key >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    key ^ (key >> 31)
}

/// A row that depends on the value read before, so that the next read cannot begin earlier.
#[inline]
pub(crate) fn next_row(step: u64, read: i32, rows: u64) -> u64 {
    scale((u64::from(read as u32) ^ step).wrapping_mul(0x9E37_79B9_7F4A_7C15), rows)
}

/// Maps a random 64-bit number to a number below `rows`.
#[inline]
fn scale(random: u64, rows: u64) -> u64 {
    ((u128::from(random) * u128::from(rows)) >> 64) as u64
}

/// Random numbers, the same in every run.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(mix(seed))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0)
    }

    pub(crate) fn below(&mut self, rows: u64) -> u64 {
        scale(self.next(), rows)
    }

    /// This many random rows.
    pub(crate) fn rows(&mut self, count: usize, rows: u64) -> Vec<u64> {
        (0..count).map(|_| self.below(rows)).collect()
    }
}

/// The keys of all rows, in ascending order.
pub(crate) fn sorted_keys(rows: u64) -> Vec<u64> {
    let mut keys: Vec<u64> = (0..rows).map(key_of_row).collect();
    keys.sort_unstable();
    keys
}
