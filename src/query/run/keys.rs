//! Keys of equal width and their numbers, which count up from 0 in the order of first appearance.
//! Groups and `count(distinct)` use it; it knows no types.
//!
//! Keys of at most eight bytes are looked up as one number: in an array if they have at most two
//! bytes or lie near to each other, otherwise in a hash table. Wider keys are compared as bytes.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

/// The number of an empty slot.
pub(in crate::query) const NONE: u32 = u32::MAX;

/// The keys seen so far.
pub(in crate::query) struct Keys {
    width: usize,
    /// All keys, side by side.
    bytes: Vec<u8>,
    table: Table,
}

enum Table {
    /// One slot for each possible key, for keys of at most two bytes.
    Direct(Vec<u32>),
    /// Keys of at most eight bytes.
    Words(Words),
    /// Keys of any width.
    Bytes(Bytes),
}

impl Keys {
    pub(in crate::query) fn new(width: usize) -> Keys {
        let table = match width {
            0..=2 => Table::Direct(vec![NONE; 1 << (8 * width)]),
            3..=8 => Table::Words(Words::new()),
            _ => Table::Bytes(Bytes::new()),
        };
        Keys { width, bytes: Vec::new(), table }
    }

    /// The number of keys.
    pub(in crate::query) fn len(&self) -> usize {
        self.bytes.len().checked_div(self.width).unwrap_or_default()
    }

    pub(in crate::query) fn key(&self, number: usize) -> &[u8] {
        &self.bytes[number * self.width..][..self.width]
    }

    /// Bytes of memory that they take.
    pub(in crate::query) fn bytes(&self) -> usize {
        self.bytes.capacity()
            + match &self.table {
                Table::Direct(numbers) => 4 * numbers.len(),
                Table::Words(words) => words.table.allocation_size() + 4 * words.near.len(),
                Table::Bytes(bytes) => bytes.table.allocation_size(),
            }
    }

    /// How keys are found, for `explain`.
    pub(in crate::query) fn method(&self) -> &'static str {
        match self.table {
            Table::Direct(_) => "an array",
            Table::Words(_) => "a table of 64-bit keys",
            Table::Bytes(_) => "a table of byte strings",
        }
    }

    /// Whether there is room for `more` keys.
    pub(in crate::query) fn has_room(&self, more: usize) -> bool {
        self.len() + more < NONE as usize
    }

    /// An array of the numbers of the keys from the returned one on, [`NONE`] for those that are
    /// not known. Keys outside of it may be known too.
    pub(in crate::query) fn near(&self) -> (&[u32], u64) {
        match &self.table {
            Table::Direct(numbers) => (numbers, 0),
            Table::Words(words) => (&words.near, words.first),
            Table::Bytes(_) => (&[], 0),
        }
    }

    /// Appends the number of each key. The keys are at most eight bytes wide and given as numbers.
    /// New keys are added.
    pub(in crate::query) fn of_words(&mut self, words: &[u64], numbers: &mut Vec<u32>) {
        let (near, first) = self.near();
        let known = |word: &u64| near.get(word.wrapping_sub(first) as usize).copied().unwrap_or(NONE);
        let start = numbers.len();
        numbers.extend(words.iter().map(known));
        self.complete(words, &mut numbers[start..]);
    }

    /// Fills in the numbers that are [`NONE`] after a search in [`near`](Keys::near). New keys are
    /// added.
    pub(in crate::query) fn complete(&mut self, words: &[u64], numbers: &mut [u32]) {
        if !numbers.contains(&NONE) {
            return;
        }
        let (bytes, width) = (&mut self.bytes, self.width);
        let mut next = bytes.len().checked_div(width).unwrap_or_default() as u32;
        let mut add = |word: u64| {
            bytes.extend_from_slice(&word.to_le_bytes()[..width]);
            next += 1;
            next - 1
        };
        match &mut self.table {
            Table::Direct(places) => {
                for (word, number) in words.iter().zip(numbers) {
                    let place = &mut places[*word as usize];
                    if *place == NONE {
                        *place = add(*word);
                    }
                    *number = *place;
                }
            }
            Table::Words(table) => table.complete(words, numbers, add),
            Table::Bytes(_) => {}
        }
    }

    /// The number of a key, which is added if it is new.
    pub(in crate::query) fn of_key(&mut self, key: &[u8]) -> u32 {
        let (next, width) = (self.len() as u32, self.width);
        if let Table::Bytes(table) = &mut self.table {
            let found = table.find(key, &self.bytes, width, next);
            if found == next {
                self.bytes.extend_from_slice(key);
            }
            return found;
        }
        let mut word = [0; 8];
        word[..width].copy_from_slice(key);
        let mut found = Vec::with_capacity(1);
        self.of_words(&[u64::from_le_bytes(word)], &mut found);
        found.first().copied().unwrap_or(next)
    }
}

/// Numbers and their groups.
struct Words {
    table: HashTable<(u64, u32)>,
    seed: u64,
    /// The groups of the numbers from `first` on, for keys that lie near to each other.
    near: Vec<u32>,
    first: u64,
}

/// The array covers this many numbers from the first one.
const NEAR: usize = 1 << 14;

impl Words {
    fn new() -> Words {
        Words { table: HashTable::new(), seed: seed(), near: Vec::new(), first: 0 }
    }

    /// Finds the groups that are not near, and adds new ones.
    fn complete(&mut self, words: &[u64], groups: &mut [u32], mut add: impl FnMut(u64) -> u32) {
        if self.near.is_empty() {
            let Some(first) = words.first() else { return };
            self.near = vec![NONE; NEAR];
            // A little room below the first key that came.
            self.first = first.wrapping_sub(NEAR as u64 / 2);
        }
        // Rows in the order of their keys have the same key many times in a row.
        let mut last = (0, NONE);
        for (group, word) in groups.iter_mut().zip(words) {
            if *group == NONE {
                if last.1 == NONE || last.0 != *word {
                    last = (*word, self.find(*word, &mut add));
                }
                *group = last.1;
            }
        }
    }

    #[inline(never)]
    fn find(&mut self, word: u64, add: &mut impl FnMut(u64) -> u32) -> u32 {
        if let Some(near) = self.near.get_mut(word.wrapping_sub(self.first) as usize) {
            if *near == NONE {
                *near = add(word);
            }
            return *near;
        }
        let seed = self.seed;
        let hash = mix(word, seed);
        if let Some((_, group)) = self.table.find(hash, |entry| entry.0 == word) {
            return *group;
        }
        let group = add(word);
        if self.table.len() == self.table.capacity() {
            // Grows fourfold, which is faster than doubling with millions of groups.
            self.table.reserve(3 * self.table.len().max(256), |entry| mix(entry.0, seed));
        }
        self.table.insert_unique(hash, (word, group), |entry| mix(entry.0, seed));
        group
    }
}

/// The groups of byte strings, with a part of their hash. The strings lie side by side in [`Keys`].
struct Bytes {
    table: HashTable<(u32, u32)>,
    seed: u64,
}

impl Bytes {
    fn new() -> Bytes {
        Bytes { table: HashTable::new(), seed: seed() }
    }

    /// The group of a key; `next` if it is new. `keys` are the known ones.
    fn find(&mut self, key: &[u8], keys: &[u8], width: usize, next: u32) -> u32 {
        let hash = self.hash(key);
        let tag = (hash >> 32) as u32;
        let is_same =
            |(there, group): &(u32, u32)| *there == tag && keys[*group as usize * width..][..width] == *key;
        if let Some((_, group)) = self.table.find(hash, is_same) {
            return *group;
        }
        if self.table.len() == self.table.capacity() {
            self.grow(keys, width);
        }
        // The table has room, so it does not hash its entries again.
        self.table.insert_unique(hash, (tag, next), |_| 0);
        next
    }

    /// Doubles the table. The keys are hashed in their order: in that of the table, each would be a
    /// cache miss.
    fn grow(&mut self, keys: &[u8], width: usize) {
        let mut table = HashTable::with_capacity(2 * self.table.len().max(512));
        for (group, key) in keys.chunks_exact(width).enumerate() {
            let hash = self.hash(key);
            table.insert_unique(hash, ((hash >> 32) as u32, group as u32), |_| 0);
        }
        self.table = table;
    }

    fn hash(&self, key: &[u8]) -> u64 {
        let words = key.chunks(8).map(|part| {
            let mut word = [0; 8];
            word[..part.len()].copy_from_slice(part);
            u64::from_le_bytes(word)
        });
        words.fold(self.seed, |hash, word| mix(word, hash))
    }
}

/// A secret of this process, so that a file cannot be made whose keys all collide.
fn seed() -> u64 {
    RandomState::new().hash_one(0_u64) | 1
}

/// Folds the product of two numbers, one of them secret.
#[inline(always)]
fn mix(word: u64, seed: u64) -> u64 {
    let product = u128::from(word ^ seed) * u128::from(seed.rotate_left(32) ^ 0x9E37_79B9_7F4A_7C15 | 1);
    (product as u64) ^ (product >> 64) as u64
}
