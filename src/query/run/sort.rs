//! Sorting rows by some of their fields, and keeping only the first of them.
//!
//! The fields to sort by become one string of bytes that orders as they do. With a limit, twice as
//! many rows are kept at most: then those that cannot be among the first are dropped, and what is
//! not before the last of them is not taken in any more.

use crate::query::plan::domain::Class;
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
        Class::of(self.place.field.ty()).write_ordinal(&self.place.field, stored, key);
        if self.is_descending {
            key[start..].iter_mut().for_each(|byte| *byte = !*byte);
        }
    }
}

/// Rows to be sorted. Of rows that agree, the one that came first stays first.
pub(in crate::query) struct Sorter {
    fields: Vec<SortField>,
    limit: Option<usize>,
    key_width: usize,
    row_width: usize,
    /// Of each row: its key, and its number in the order of coming.
    keys: Vec<u8>,
    numbers: Vec<u64>,
    rows: Vec<u8>,
    /// The key that a row must be before to be among the first.
    last: Option<Vec<u8>>,
    key: Vec<u8>,
}

/// This many rows more than twice the limit are kept before they are cut.
const SLACK: usize = 1024;

impl Sorter {
    /// For rows that come out as `row_width` bytes.
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

    /// Takes in a row, of which `write` appends what is to come out.
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
                self.cut(limit);
            }
        }
        self.key = key;
    }

    /// Takes in the rows of another thread.
    pub(in crate::query) fn append(&mut self, other: Sorter) {
        self.keys.extend(other.keys);
        self.numbers.extend(other.numbers);
        self.rows.extend(other.rows);
    }

    /// The rows, side by side.
    pub(in crate::query) fn finish(mut self) -> Vec<u8> {
        self.cut(self.limit.unwrap_or(usize::MAX));
        self.rows
    }

    /// Memory that it takes.
    pub(in crate::query) fn bytes(&self) -> usize {
        self.keys.capacity() + 8 * self.numbers.capacity() + self.rows.capacity()
    }

    /// Sorts, and keeps the first rows.
    fn cut(&mut self, limit: usize) {
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
