//! Groups: rows that agree in some fields, or in these rounded down. The group of a row is found by
//! the bytes of the fields, in the tables of `keys.rs`.

use bytemuck::pod_read_unaligned;

use super::batch::{BATCH_ROWS, Batch};
use super::keys::{Keys, NONE};
use crate::error::{Result, bail};
use crate::order::{plain_f32, plain_f64};
use crate::query::ask::column::Place;
use crate::query::plan::part::Part;
use crate::schema::Type;

/// The groups found so far, numbered from 0.
pub(in crate::query) struct Groups {
    parts: Vec<Part>,
    /// Bytes of a key: the parts, side by side.
    width: usize,
    keys: Keys,
    /// The keys of a batch as numbers, if they are narrow enough.
    words: Vec<u64>,
    /// The group of each wanted row of the batch.
    of_rows: Vec<u32>,
}

impl Groups {
    pub(in crate::query) fn new(parts: Vec<Part>) -> Groups {
        let width = parts.iter().map(|part| part.place.width()).sum();
        Groups {
            parts,
            width,
            keys: Keys::new(width),
            words: Vec::with_capacity(BATCH_ROWS),
            of_rows: Vec::with_capacity(BATCH_ROWS),
        }
    }

    pub(in crate::query) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Appends the stored bytes of the fields of a group.
    pub(in crate::query) fn write(&self, group: usize, out: &mut Vec<u8>) {
        let mut key = self.keys.key(group);
        for part in &self.parts {
            let (own, rest) = key.split_at(part.place.width());
            match &part.floor {
                None => out.extend_from_slice(own),
                Some(floor) => floor.write_stored(own, out),
            }
            key = rest;
        }
    }

    /// Bytes of memory that they take.
    pub(in crate::query) fn bytes(&self) -> usize {
        self.keys.bytes()
    }

    /// How groups are found, for `explain`.
    pub(in crate::query) fn method(&self) -> &'static str {
        self.keys.method()
    }

    /// The group of each wanted row, in order, and the number of groups. New groups are added.
    ///
    /// # Errors
    /// `Limit` if there are more than 2^32 - 2 groups, or if a rounded value is below the range of
    /// its type.
    pub(in crate::query) fn of_rows(&mut self, batch: &Batch<'_>) -> Result<(&[u32], usize)> {
        if !self.keys.has_room(batch.len()) {
            bail!(Limit, "more than {} groups", self.len());
        }
        self.of_rows.clear();
        if self.width > 8 {
            self.of_bytes(batch)?;
        } else if let [Part { place, floor: None }] = &self.parts[..] {
            // Nearly always all groups are known, so that the keys need not be kept.
            let (near, first) = self.keys.near();
            self.of_rows.resize(batch.len(), NONE);
            for_each_word(place, batch, self.of_rows.iter_mut(), |word, group| {
                *group = near.get(word.wrapping_sub(first) as usize).copied().unwrap_or(NONE);
            });
            if self.of_rows.contains(&NONE) {
                self.read_words(batch)?;
                self.keys.complete(&self.words, &mut self.of_rows);
            }
        } else {
            self.read_words(batch)?;
            self.keys.of_words(&self.words, &mut self.of_rows);
        }
        Ok((&self.of_rows, self.keys.len()))
    }

    /// The groups here that correspond to all groups of another thread. New groups are added.
    pub(in crate::query) fn of_groups(&mut self, other: &Groups) -> Vec<u32> {
        (0..other.len()).map(|at| self.keys.of_key(other.keys.key(at))).collect()
    }

    /// The keys of all wanted rows as numbers.
    fn read_words(&mut self, batch: &Batch<'_>) -> Result<()> {
        let words = &mut self.words;
        words.clear();
        words.resize(batch.len(), 0);
        let mut shift = 0;
        for Part { place, floor } in &self.parts {
            let put = |part: u64, word: &mut u64| *word |= part << shift;
            match floor {
                None => for_each_word(place, batch, words.iter_mut(), put),
                Some(floor) => floor.for_each(batch, place.offset, words.iter_mut(), put)?,
            }
            shift += 8 * place.width() as u32;
        }
        Ok(())
    }

    fn of_bytes(&mut self, batch: &Batch<'_>) -> Result<()> {
        let (parts, keys, of_rows) = (&self.parts, &mut self.keys, &mut self.of_rows);
        let mut key = Vec::with_capacity(self.width);
        let mut failed = None;
        batch.for_each(|row| {
            key.clear();
            for Part { place, floor } in parts {
                let written = match floor {
                    None => {
                        write_part(place, row, &mut key);
                        Ok(())
                    }
                    Some(floor) => floor.write_key(&row[place.offset..][..place.width()], &mut key),
                };
                if let Err(error) = written {
                    failed = Some(error);
                    key.resize(key.len() + place.width(), 0);
                }
            }
            of_rows.push(keys.of_key(&key));
        });
        failed.map_or(Ok(()), Err)
    }
}

/// Calls `each` with a field of every wanted row as a number, and with what belongs to the row.
/// Equal values give equal numbers. For fields of at most eight bytes.
#[inline(always)]
pub(in crate::query) fn for_each_word<T>(
    place: &Place,
    batch: &Batch<'_>,
    with: impl Iterator<Item = T>,
    mut each: impl FnMut(u64, T),
) {
    let (at, nullable) = (place.offset, place.field.is_nullable());
    match (place.field.ty(), place.width()) {
        (Type::F32, _) => batch.for_each_field(at, with, |stored, t| {
            each(plain_f32(u32::from_le_bytes(stored), nullable).into(), t);
        }),
        (Type::F64, _) => batch.for_each_field(at, with, |stored, t| {
            each(plain_f64(u64::from_le_bytes(stored), nullable), t);
        }),
        (Type::Array(..), _) => {
            let mut part = Vec::new();
            batch.for_each_with(with, |row, t| {
                part.clear();
                write_part(place, row, &mut part);
                each(part.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)), t);
            });
        }
        (_, 1) => batch.for_each_field(at, with, |stored, t| each(u8::from_le_bytes(stored).into(), t)),
        (_, 2) => batch.for_each_field(at, with, |stored, t| each(u16::from_le_bytes(stored).into(), t)),
        (_, 4) => batch.for_each_field(at, with, |stored, t| each(u32::from_le_bytes(stored).into(), t)),
        (_, 8) => batch.for_each_field(at, with, |stored, t| each(u64::from_le_bytes(stored), t)),
        (_, width) => batch.for_each_with(with, |row, t| {
            let mut word = [0; 8];
            word[..width].copy_from_slice(&row[at..at + width]);
            each(u64::from_le_bytes(word), t);
        }),
    }
}

/// The bytes of a field in a key. Equal values give equal bytes.
pub(in crate::query) fn write_part(place: &Place, row: &[u8], key: &mut Vec<u8>) {
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
