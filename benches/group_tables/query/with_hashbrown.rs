//! The table for wide keys of `src/query/run/keys.rs` on `hashbrown::HashTable`, with the same
//! hash.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

use super::{Table, WIDTH};

pub(crate) struct WithHashbrown {
    /// All keys, side by side.
    keys: Vec<u8>,
    /// A part of the hash of a key, and its number.
    table: HashTable<(u32, u32)>,
    seed: u64,
}

impl Table for WithHashbrown {
    fn new() -> WithHashbrown {
        let seed = RandomState::new().hash_one(0_u64) | 1;
        WithHashbrown { keys: Vec::new(), table: HashTable::new(), seed }
    }

    fn of_key(&mut self, key: &[u8]) -> u32 {
        let hash = hash(key, self.seed);
        let tag = (hash >> 32) as u32;
        let is_same = |(there, number): &(u32, u32)| {
            *there == tag && self.keys[*number as usize * WIDTH..][..WIDTH] == *key
        };
        if let Some((_, number)) = self.table.find(hash, is_same) {
            return *number;
        }
        if self.table.len() == self.table.capacity() {
            self.grow();
        }
        let number = (self.keys.len() / WIDTH) as u32;
        // The table has room, so it does not hash its entries again.
        self.table.insert_unique(hash, (tag, number), |_| 0);
        self.keys.extend_from_slice(key);
        number
    }
}

impl WithHashbrown {
    /// Doubles the table. The keys are hashed in their own order: in the order of the table, each
    /// would be a cache miss.
    fn grow(&mut self) {
        let mut table = HashTable::with_capacity(2 * self.table.len().max(512));
        for (number, key) in self.keys.chunks_exact(WIDTH).enumerate() {
            let hash = hash(key, self.seed);
            table.insert_unique(hash, ((hash >> 32) as u32, number as u32), |_| 0);
        }
        self.table = table;
    }
}

fn hash(key: &[u8], seed: u64) -> u64 {
    let words = key.chunks(8).map(|part| {
        let mut word = [0; 8];
        word[..part.len()].copy_from_slice(part);
        u64::from_le_bytes(word)
    });
    words.fold(seed, |hash, word| mix(word, hash))
}

#[inline(always)]
fn mix(word: u64, seed: u64) -> u64 {
    let product = u128::from(word ^ seed) * u128::from(seed.rotate_left(32) ^ 0x9E37_79B9_7F4A_7C15 | 1);
    (product as u64) ^ (product >> 64) as u64
}
