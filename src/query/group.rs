//! Groups: which rows agree in some fields. A row's group is found by the fields' bytes, through a table of open addresses.
//!
//! At most eight bytes are one number; those of up to two bytes are looked up in an array, and so are whole numbers that lie near to
//! each other. What is wider is compared as bytes.

use std::hash::{BuildHasher, RandomState};

use bytemuck::pod_read_unaligned;

use super::batch::{BATCH_ROWS, Batch};
use super::column::Place;
use crate::error::{Result, fail};
use crate::schema::Type;

/// No group.
const NONE: u32 = u32::MAX;

/// The groups found so far. Their numbers count up from 0.
pub(super) struct Groups {
    fields: Vec<Place>,
    /// Bytes of a key: the fields, packed.
    width: usize,
    /// The key of each group.
    keys: Vec<u8>,
    table: Table,
    /// The keys of a batch as numbers, where they are that narrow.
    words: Vec<u64>,
    /// The group of each wanted row of the batch.
    of_rows: Vec<u32>,
}

enum Table {
    /// A group a number, for keys of at most two bytes.
    Direct(Vec<u32>),
    /// Keys of at most eight bytes.
    Words(Words),
    /// Keys of any width.
    Bytes(Bytes),
}

impl Groups {
    pub(super) fn new(fields: Vec<Place>) -> Groups {
        let width = fields.iter().map(Place::width).sum();
        let table = match width {
            0..=2 => Table::Direct(vec![NONE; 1 << (8 * width)]),
            3..=8 => Table::Words(Words::new()),
            _ => Table::Bytes(Bytes::new()),
        };
        Groups {
            fields,
            width,
            keys: Vec::new(),
            table,
            words: Vec::with_capacity(BATCH_ROWS),
            of_rows: Vec::with_capacity(BATCH_ROWS),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.keys.len().checked_div(self.width).unwrap_or_default()
    }

    /// The stored bytes of a group's fields, packed.
    pub(super) fn key(&self, group: usize) -> &[u8] {
        &self.keys[group * self.width..][..self.width]
    }

    /// Memory that they take.
    pub(super) fn bytes(&self) -> usize {
        self.keys.capacity()
            + match &self.table {
                Table::Direct(groups) => 4 * groups.len(),
                Table::Words(words) => size_of::<(u64, u32)>() * words.slots.len() + 4 * words.near.len(),
                Table::Bytes(bytes) => size_of::<(u32, u32)>() * bytes.slots.len(),
            }
    }

    /// How keys are found, for an explanation.
    pub(super) fn method(&self) -> &'static str {
        match self.table {
            Table::Direct(_) => "an array",
            Table::Words(_) => "a table of 64-bit keys",
            Table::Bytes(_) => "a table of byte strings",
        }
    }

    /// The group of each wanted row, in order, and how many groups there are; new ones are made.
    ///
    /// # Errors
    /// `Limit` if there are more than 2^32 - 2 of them.
    pub(super) fn of_rows(&mut self, batch: &Batch<'_>) -> Result<(&[u32], usize)> {
        if self.len() + batch.len() >= NONE as usize {
            fail!(Limit, "more than {} groups", self.len());
        }
        self.of_rows.clear();
        if self.width > 8 {
            self.of_bytes(batch);
            return Ok((&self.of_rows, self.keys.len() / self.width));
        }
        self.read_words(batch);
        let (keys, width) = (&mut self.keys, self.width);
        let mut next = (keys.len() / width) as u32;
        let mut add = |word: u64| {
            keys.extend_from_slice(&word.to_le_bytes()[..width]);
            next += 1;
            next - 1
        };
        match &mut self.table {
            Table::Direct(groups) => {
                for word in &self.words {
                    let group = &mut groups[*word as usize];
                    if *group == NONE {
                        *group = add(*word);
                    }
                    self.of_rows.push(*group);
                }
            }
            Table::Words(words) => words.find_all(&self.words, &mut self.of_rows, add),
            Table::Bytes(_) => {}
        }
        Ok((&self.of_rows, next as usize))
    }

    /// The group with this key, which is made if it is new.
    pub(super) fn of_key(&mut self, key: &[u8]) -> u32 {
        let group = self.len() as u32;
        let mut is_new = false;
        let mut word = [0; 8];
        if self.width <= 8 {
            word[..self.width].copy_from_slice(key);
        }
        let word = u64::from_le_bytes(word);
        let found = match &mut self.table {
            Table::Direct(groups) => {
                let there = &mut groups[word as usize];
                if *there == NONE {
                    (*there, is_new) = (group, true);
                }
                *there
            }
            Table::Words(words) => {
                let mut found = Vec::with_capacity(1);
                let add = |_| {
                    is_new = true;
                    group
                };
                words.find_all(&[word], &mut found, add);
                found[0]
            }
            Table::Bytes(bytes) => match bytes.find(key, &self.keys, self.width) {
                Ok(found) => found,
                Err(slot) => {
                    is_new = true;
                    bytes.put(slot, group, &self.keys, self.width, key);
                    group
                }
            },
        };
        if is_new {
            self.keys.extend_from_slice(key);
        }
        found
    }

    /// The keys of all wanted rows as numbers.
    fn read_words(&mut self, batch: &Batch<'_>) {
        let words = &mut self.words;
        words.clear();
        words.resize(batch.len(), 0);
        let mut shift = 0;
        for place in &self.fields {
            let (ty, at) = (place.field.ty(), place.offset);
            let mut slots = words.iter_mut();
            let mut put = |part: u64| {
                if let Some(word) = slots.next() {
                    *word |= part << shift;
                }
            };
            match (ty, place.width()) {
                (Type::F32, _) => {
                    let nullable = place.field.is_nullable();
                    batch.for_each_field(at, |stored| {
                        put(plain_f32(u32::from_le_bytes(stored), nullable).into());
                    });
                }
                (Type::F64, _) => {
                    let nullable = place.field.is_nullable();
                    batch.for_each_field(at, |stored| put(plain_f64(u64::from_le_bytes(stored), nullable)));
                }
                (Type::Array(..), _) => {
                    let mut part = Vec::new();
                    batch.for_each(|row| {
                        part.clear();
                        write_part(place, row, &mut part);
                        put(part.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)));
                    });
                }
                (_, 1) => batch.for_each_field::<1>(at, |stored| put(stored[0].into())),
                (_, 2) => batch.for_each_field(at, |stored| put(u16::from_le_bytes(stored).into())),
                (_, 4) => batch.for_each_field(at, |stored| put(u32::from_le_bytes(stored).into())),
                (_, 8) => batch.for_each_field(at, |stored| put(u64::from_le_bytes(stored))),
                (_, width) => batch.for_each(|row| {
                    let mut word = [0; 8];
                    word[..width].copy_from_slice(&row[at..at + width]);
                    put(u64::from_le_bytes(word));
                }),
            }
            shift += 8 * place.width() as u32;
        }
    }

    fn of_bytes(&mut self, batch: &Batch<'_>) {
        let Table::Bytes(table) = &mut self.table else { return };
        let (fields, keys, of_rows, width) = (&self.fields, &mut self.keys, &mut self.of_rows, self.width);
        let mut key = Vec::with_capacity(width);
        batch.for_each(|row| {
            key.clear();
            for place in fields {
                write_part(place, row, &mut key);
            }
            let group = match table.find(&key, keys, width) {
                Ok(group) => group,
                Err(slot) => {
                    let group = (keys.len() / width) as u32;
                    table.put(slot, group, keys, width, &key);
                    keys.extend_from_slice(&key);
                    group
                }
            };
            of_rows.push(group);
        });
    }
}

/// A field's bytes as they are in a key: values that are equal have equal bytes there.
fn write_part(place: &Place, row: &[u8], key: &mut Vec<u8>) {
    let stored = &row[place.offset..place.offset + place.width()];
    let nullable = place.field.is_nullable();
    match place.field.ty() {
        Type::F32 => key.extend(plain_f32(pod_read_unaligned(stored), nullable).to_le_bytes()),
        Type::F64 => key.extend(plain_f64(pod_read_unaligned(stored), nullable).to_le_bytes()),
        _ if place.field.is_null(stored) => key.extend_from_slice(stored),
        Type::Array(crate::schema::Number::F32, _) => {
            let plain = |element: &[u8]| plain_f32(pod_read_unaligned(element), false).to_le_bytes();
            key.extend(stored.chunks_exact(4).flat_map(plain));
        }
        Type::Array(crate::schema::Number::F64, _) => {
            let plain = |element: &[u8]| plain_f64(pod_read_unaligned(element), false).to_le_bytes();
            key.extend(stored.chunks_exact(8).flat_map(plain));
        }
        _ => key.extend_from_slice(stored),
    }
}

/// One zero, and one NaN beside null.
fn plain_f32(bits: u32, nullable: bool) -> u32 {
    let real = f32::from_bits(bits);
    match real.is_nan() {
        true if nullable && bits == u32::MAX => bits,
        true => f32::NAN.to_bits(),
        false => (real + 0.0).to_bits(),
    }
}

fn plain_f64(bits: u64, nullable: bool) -> u64 {
    let real = f64::from_bits(bits);
    match real.is_nan() {
        true if nullable && bits == u64::MAX => bits,
        true => f64::NAN.to_bits(),
        false => (real + 0.0).to_bits(),
    }
}

/// Numbers and their groups: open addresses, never more than half full.
struct Words {
    slots: Vec<(u64, u32)>,
    used: usize,
    seed: u64,
    /// Groups of the numbers from `first` on, which many are near to.
    near: Vec<u32>,
    first: u64,
}

/// So many numbers from the first one on are looked up in an array.
const NEAR: usize = 1 << 14;

impl Words {
    fn new() -> Words {
        Words { slots: vec![(0, NONE); 1024], used: 0, seed: seed(), near: Vec::new(), first: 0 }
    }

    fn find_all(&mut self, words: &[u64], groups: &mut Vec<u32>, mut add: impl FnMut(u64) -> u32) {
        if self.near.is_empty() {
            let Some(first) = words.first() else { return };
            self.near = vec![NONE; NEAR];
            // A little room below what came first.
            self.first = first.wrapping_sub(NEAR as u64 / 2);
        }
        // Groups that are known and near are found without a branch; the others are looked for after.
        let (near, first) = (&self.near[..], self.first);
        let known = |word: &u64| near.get(word.wrapping_sub(first) as usize).copied().unwrap_or(NONE);
        let start = groups.len();
        groups.extend(words.iter().map(known));
        let found = &mut groups[start..];
        if found.contains(&NONE) {
            for (group, word) in found.iter_mut().zip(words) {
                if *group == NONE {
                    *group = self.find(*word, &mut add);
                }
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
        let mut slot = self.slot(word);
        loop {
            let (there, group) = self.slots[slot];
            if group == NONE {
                break;
            }
            if there == word {
                return group;
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
        let group = add(word);
        self.slots[slot] = (word, group);
        self.used += 1;
        if 2 * self.used > self.slots.len() {
            self.double();
        }
        group
    }

    fn slot(&self, word: u64) -> usize {
        (mix(word, self.seed) as usize) & (self.slots.len() - 1)
    }

    fn double(&mut self) {
        let old = std::mem::take(&mut self.slots);
        self.slots = vec![(0, NONE); 2 * old.len()];
        for (word, group) in old {
            if group == NONE {
                continue;
            }
            let mut slot = self.slot(word);
            while self.slots[slot].1 != NONE {
                slot = (slot + 1) & (self.slots.len() - 1);
            }
            self.slots[slot] = (word, group);
        }
    }
}

/// Byte strings and their groups: open addresses with a part of the hash beside each, never more than half full.
struct Bytes {
    slots: Vec<(u32, u32)>,
    seed: u64,
}

/// Where a new key goes, and the part of its hash that stands there.
type Slot = (usize, u32);

impl Bytes {
    fn new() -> Bytes {
        Bytes { slots: vec![(0, NONE); 1024], seed: seed() }
    }

    fn find(&self, key: &[u8], keys: &[u8], width: usize) -> std::result::Result<u32, Slot> {
        let hash = self.hash(key);
        let (mut slot, tag) = (hash as usize & (self.slots.len() - 1), (hash >> 32) as u32);
        loop {
            let (there, group) = self.slots[slot];
            if group == NONE {
                return Err((slot, tag));
            }
            if there == tag && keys[group as usize * width..][..width] == *key {
                return Ok(group);
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
    }

    /// Puts the next group into the slot that [`find`](Bytes::find) gave.
    fn put(&mut self, (slot, tag): Slot, group: u32, keys: &[u8], width: usize, key: &[u8]) {
        self.slots[slot] = (tag, group);
        if 2 * (group as usize + 1) > self.slots.len() {
            self.slots = vec![(0, NONE); 2 * self.slots.len()];
            for (group, key) in keys.chunks_exact(width).chain([key]).enumerate() {
                let hash = self.hash(key);
                let mut slot = hash as usize & (self.slots.len() - 1);
                while self.slots[slot].1 != NONE {
                    slot = (slot + 1) & (self.slots.len() - 1);
                }
                self.slots[slot] = ((hash >> 32) as u32, group as u32);
            }
        }
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

/// Nobody who writes a file can know which keys meet in the tables of this process.
fn seed() -> u64 {
    RandomState::new().hash_one(0_u64) | 1
}

/// Folds the product of two numbers, one of them secret.
#[inline(always)]
fn mix(word: u64, seed: u64) -> u64 {
    let product = u128::from(word ^ seed) * u128::from(seed.rotate_left(32) ^ 0x9E37_79B9_7F4A_7C15 | 1);
    (product as u64) ^ (product >> 64) as u64
}
