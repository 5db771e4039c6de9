//! Sorting rows by some of their fields, and keeping only the first ones. `threads.rs` gathers rows
//! in it.
//!
//! The fields to sort by become one string of bytes that orders as they do. With a limit, at most
//! about twice as many rows are kept: then those that cannot be among the first are dropped, and
//! later rows are taken only if they come before the last of the rest.

use crate::query::plan::domain;
use crate::query::plan::shape::SortField;

impl SortField {
    fn width(&self) -> usize {
        1 + self.place.width()
    }

    fn write(&self, row: &[u8], key: &mut Vec<u8>) {
        let stored = &row[self.place.offset..self.place.offset + self.place.width()];
        if self.place.field.is_null(stored) {
            key.push(if self.nulls_last { 2 } else { 0 });
            key.resize(key.len() + self.place.width(), 0);
            return;
        }
        key.push(1);
        let start = key.len();
        domain::scalar(self.place.field.ty()).write_ordinal(stored, self.place.field.is_nullable(), key);
        if self.is_descending {
            key[start..].iter_mut().for_each(|byte| *byte = !*byte);
        }
    }
}

/// Rows to be sorted. The sort is stable.
pub(in crate::query) struct Sorter {
    fields: Vec<SortField>,
    limit: Option<usize>,
    key_width: usize,
    row_width: usize,
    /// For each row, its key and its number in the order of reading.
    keys: Vec<u8>,
    numbers: Vec<u64>,
    rows: Vec<u8>,
    /// A new row must come before this key to be among the first.
    last: Option<Vec<u8>>,
    key: Vec<u8>,
}

/// How many rows above twice the limit are kept before they are cut.
const SLACK: usize = 1024;

impl Sorter {
    /// For rows of `row_width` bytes.
    pub(in crate::query) fn new(fields: Vec<SortField>, row_width: usize, limit: Option<usize>) -> Sorter {
        Sorter {
            key_width: fields.iter().map(SortField::width).sum(),
            fields,
            limit,
            row_width,
            keys: Vec::new(),
            numbers: Vec::new(),
            rows: Vec::new(),
            last: None,
            key: Vec::new(),
        }
    }

    /// Adds a row; `write` appends its bytes.
    pub(in crate::query) fn push(&mut self, row: &[u8], number: u64, write: impl FnOnce(&mut Vec<u8>)) {
        if self.limit == Some(0) {
            return;
        }
        let mut key = std::mem::take(&mut self.key);
        key.clear();
        for field in &self.fields {
            field.write(row, &mut key);
        }
        if self.last.as_ref().is_none_or(|last| key < *last) {
            self.keys.extend_from_slice(&key);
            self.numbers.push(number);
            write(&mut self.rows);
            if let Some(limit) = self.limit
                && self.numbers.len() >= limit.saturating_mul(2).saturating_add(SLACK)
            {
                self.keep_first(limit);
            }
        }
        self.key = key;
    }

    /// Adds the rows of another thread.
    pub(in crate::query) fn append(&mut self, other: Sorter) {
        self.keys.extend(other.keys);
        self.numbers.extend(other.numbers);
        self.rows.extend(other.rows);
    }

    /// The rows, packed.
    pub(in crate::query) fn finish(mut self) -> Vec<u8> {
        self.keep_first(self.limit.unwrap_or(usize::MAX));
        self.rows
    }

    /// Bytes of memory that it takes.
    pub(in crate::query) fn bytes(&self) -> usize {
        self.keys.capacity() + 8 * self.numbers.capacity() + self.rows.capacity()
    }

    /// Sorts, and keeps only the first rows.
    fn keep_first(&mut self, limit: usize) {
        let key = |at: usize| &self.keys[at * self.key_width..][..self.key_width];
        let compare =
            |a: &usize, b: &usize| key(*a).cmp(key(*b)).then_with(|| self.numbers[*a].cmp(&self.numbers[*b]));
        let mut order: Vec<usize> = (0..self.numbers.len()).collect();
        if limit < order.len() {
            order.select_nth_unstable_by(limit, compare);
            order.truncate(limit);
        }
        order.sort_unstable_by(compare);
        let gather = |bytes: &[u8], width: usize| {
            let mut gathered = Vec::with_capacity(order.len() * width);
            order.iter().for_each(|at| gathered.extend_from_slice(&bytes[at * width..][..width]));
            gathered
        };
        let (keys, rows) = (gather(&self.keys, self.key_width), gather(&self.rows, self.row_width));
        self.numbers = order.iter().map(|at| self.numbers[*at]).collect();
        if order.len() == limit && limit > 0 {
            self.last = Some(keys[(limit - 1) * self.key_width..].to_vec());
        }
        (self.keys, self.rows) = (keys, rows);
    }
}
