//! `count(distinct x)` while it runs: every pair of a group and a value is kept once.

use std::any::Any;

use super::batch::{BATCH_ROWS, Batch};
use super::fold::Fold;
use super::group::{for_each_word, write_part};
use super::keys::Keys;
use crate::error::{Result, bail};
use crate::query::ask::column::Place;
use crate::schema::Type;

/// The pairs seen so far, and the count of each group.
pub(in crate::query) struct Distinct {
    place: Place,
    /// Bytes of the group's number in a key; 0 if all rows are one group.
    group_bytes: usize,
    keys: Keys,
    counts: Vec<u64>,
    /// Whether there were more pairs than can be numbered.
    is_full: bool,
    /// Buffers for the values of a batch and their groups.
    words: Vec<u64>,
    groups: Vec<u32>,
    numbers: Vec<u32>,
}

impl Distinct {
    pub(in crate::query) fn boxed(place: &Place, is_grouped: bool) -> Box<dyn Fold> {
        let group_bytes = if is_grouped { size_of::<u32>() } else { 0 };
        Box::new(Distinct {
            keys: Keys::new(place.width() + group_bytes),
            place: place.clone(),
            group_bytes,
            counts: Vec::new(),
            is_full: false,
            words: Vec::new(),
            groups: Vec::new(),
            numbers: Vec::new(),
        })
    }

    /// Adds the values of a batch. `groups` has the group of each wanted row, in order.
    #[inline(always)]
    fn take_all(&mut self, batch: &Batch<'_>, groups: impl Iterator<Item = u32>) {
        if !self.keys.has_room(batch.len()) {
            self.is_full = true;
            return;
        }
        if self.place.width() + self.group_bytes > 8 {
            let mut key = Vec::with_capacity(self.place.width() + self.group_bytes);
            let (at, width) = (self.place.offset, self.place.width());
            batch.for_each_with(groups, |row, group| {
                if !self.place.field.is_null(&row[at..at + width]) {
                    key.clear();
                    write_part(&self.place, row, &mut key);
                    self.take_key(group, &mut key);
                }
            });
            return;
        }
        self.clear();
        let (mask, null) = self.null_word();
        let place = self.place.clone();
        for_each_word(&place, batch, groups, |word, group| {
            if null.is_none_or(|null| word & mask != null) {
                self.push_word(word, group);
            }
        });
        self.take_words();
    }

    fn clear(&mut self) {
        self.words.clear();
        self.groups.clear();
    }

    /// Notes a value of a group.
    #[inline(always)]
    fn push_word(&mut self, value: u64, group: u32) {
        // Without a group in the key, the value may take all of it.
        let group_bits = if self.group_bytes > 0 { u64::from(group) << (8 * self.place.width()) } else { 0 };
        self.words.push(value | group_bits);
        self.groups.push(group);
    }

    /// Adds the noted values.
    fn take_words(&mut self) {
        self.numbers.clear();
        let mut next = self.keys.len();
        self.keys.of_words(&self.words, &mut self.numbers);
        for (number, group) in self.numbers.iter().zip(&self.groups) {
            // Numbers count up, so this pair is new.
            if *number as usize == next {
                next += 1;
                self.counts[*group as usize] += 1;
            }
        }
        self.clear();
    }

    /// Adds one value; `key` has its bytes.
    fn take_key(&mut self, group: u32, key: &mut Vec<u8>) {
        key.extend_from_slice(&group.to_le_bytes()[..self.group_bytes]);
        let next = self.keys.len();
        if self.keys.of_key(key) as usize == next {
            self.counts[group as usize] += 1;
        }
    }

    /// The mask and the bits that tell whether a value of at most eight bytes is null.
    fn null_word(&self) -> (u64, Option<u64>) {
        let null = self.place.field.null().and_then(|null| {
            let mut word = [0; 8];
            word.get_mut(..null.len())?.copy_from_slice(null);
            Some(u64::from_le_bytes(word))
        });
        match self.place.field.ty() {
            Type::Str(_) => (0xFF, null.map(|null| null & 0xFF)),
            _ => (u64::MAX, null),
        }
    }
}

impl Fold for Distinct {
    fn grow(&mut self, groups: usize) {
        self.counts.resize(groups, 0);
    }

    fn take(&mut self, batch: &Batch<'_>) {
        self.take_all(batch, std::iter::repeat(0));
    }

    fn take_grouped(&mut self, batch: &Batch<'_>, groups: &[u32]) {
        self.take_all(batch, groups.iter().copied());
    }

    fn merge(&mut self, other: &dyn Fold, groups: &[u32]) {
        let Some(other) = other.as_any().downcast_ref::<Distinct>() else { return };
        self.is_full |= other.is_full || !self.keys.has_room(other.keys.len());
        if self.is_full {
            return;
        }
        let (width, mut key) = (self.place.width(), Vec::new());
        let pairs = (0..other.keys.len()).map(|number| {
            let (value, group) = other.keys.key(number).split_at(width);
            let group = group.try_into().map_or(0, u32::from_le_bytes);
            (value, groups.get(group as usize).copied().unwrap_or_default())
        });
        if width + self.group_bytes > 8 {
            for (value, group) in pairs {
                key.clear();
                key.extend_from_slice(value);
                self.take_key(group, &mut key);
            }
            return;
        }
        self.clear();
        for (value, group) in pairs {
            let mut word = [0; 8];
            word[..width].copy_from_slice(value);
            self.push_word(u64::from_le_bytes(word), group);
            if self.words.len() == BATCH_ROWS {
                self.take_words();
            }
        }
        self.take_words();
    }

    fn bytes(&self) -> usize {
        self.keys.bytes() + self.counts.capacity() * size_of::<u64>()
    }

    fn write(&self, group: usize, out: &mut Vec<u8>) -> Result<bool> {
        if self.is_full {
            bail!(Limit, "more than {} pairs of a group and a value", self.keys.len());
        }
        out.extend(self.counts[group].to_le_bytes());
        Ok(true)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
