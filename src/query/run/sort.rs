//! Sorting rows by some of their fields, and keeping only the first ones. `threads.rs` gathers rows
//! in it.
//!
//! The fields to sort by become one string of bytes that orders as they do. With a limit, at most
//! about twice as many rows are kept: then those that cannot be among the first are dropped, and
//! later rows are taken only if they come before the last of the rest. By the first field this is a
//! filter, so that most of the later rows are not even looked at.

use crate::query::plan::domain;
use crate::query::plan::filter::Filter;
use crate::query::plan::ranges::{Ranges, successor};
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

    /// The rows whose value comes before that of a key, or equals it if `or_equal`.
    fn before(&self, key: &[u8], or_equal: bool) -> Filter {
        let width = self.place.width();
        let valid = domain::valid(&self.place.field);
        let nulls = valid.complement(width);
        let mut ordinal = key[1..][..width].to_vec();
        let values = match (key[0] == 1, self.is_descending) {
            (true, false) => {
                let end = if or_equal { successor(&ordinal) } else { Some(ordinal) };
                Ranges::new(Some(vec![0; width]), end).intersection(&valid)
            }
            (true, true) => {
                ordinal.iter_mut().for_each(|byte| *byte = !*byte);
                let first = if or_equal { Some(ordinal) } else { successor(&ordinal) };
                Ranges::new(first, None).intersection(&valid)
            }
            // The key is null: all values come before it, or none.
            (false, _) if self.nulls_last => valid,
            (false, _) => Ranges::none(),
        };
        let is_null_before = if key[0] == 1 { !self.nulls_last } else { or_equal };
        let set = if is_null_before { values.union(&nulls) } else { values };
        Filter::within(self.place.clone(), set)
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
    /// Whether `last` has changed since [`new_bound`](Sorter::new_bound) was called.
    is_tighter: bool,
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
            is_tighter: false,
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

    /// A filter that all rows pass which may be among the first, if it has changed since the last
    /// call. It holds for rows with higher numbers than all before.
    pub(in crate::query) fn new_bound(&mut self) -> Option<Filter> {
        if !std::mem::take(&mut self.is_tighter) {
            return None;
        }
        let (field, last) = (self.fields.first()?, self.last.as_ref()?);
        // With more fields, a row of the same value may come before by the next one. With one
        // field, the earlier of two equal rows comes first.
        Some(field.before(last, self.fields.len() > 1))
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
            self.is_tighter = true;
        }
        (self.keys, self.rows) = (keys, rows);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::ask::column::Column;
    use crate::query::run::batch::{BATCH_ROWS, Picked};
    use crate::query::run::kernel::Kernel;
    use crate::query::run::pick::Picker;
    use crate::schema::Schema;

    /// The filter passes the rows whose keys come before that of the last one, and no others, for
    /// all orders of each type. With `or_equal` it passes those of the same key too.
    #[test]
    fn a_row_passes_if_its_value_comes_before_the_last_one() {
        let types =
            "u8 i8? u16? i16 u32 i32? u64? i64 u128 i128? f32 f32? f64 f64? bool? str[3]? str[20] uuid?";
        for ty in types.split(' ') {
            let schema: Schema = format!("rest: bytes[3], x: {ty}").parse().unwrap();
            let (place, width) = (Column::from("x").place(&schema).unwrap(), schema.width());
            // Few values of each byte, null, zeros of both signs, and NaNs among them.
            let mut rows: Vec<u8> = (0..300 * width).map(|at| [0, 1, 0x80, 0xFF][at * at / 5 % 4]).collect();
            for (at, row) in rows.chunks_exact_mut(width).enumerate() {
                match at % 5 {
                    0 => row[3..].fill([0, 0xFF][at / 5 % 2]),
                    1 => row[3..].copy_from_slice(place.field.null().unwrap_or(&vec![0; width - 3])),
                    2 => row[3..width - 1].fill(0),
                    _ => {}
                }
            }
            for (is_descending, nulls_last) in [(false, false), (false, true), (true, false), (true, true)] {
                let field = SortField { place: place.clone(), is_descending, nulls_last };
                let key = |row: &[u8]| {
                    let mut key = Vec::new();
                    field.write(row, &mut key);
                    key
                };
                for (last, or_equal) in
                    rows.chunks_exact(width).flat_map(|row| [(key(row), false), (key(row), true)])
                {
                    let kernel = Kernel::new(&field.before(&last, or_equal));
                    let mut picker = Picker::new();
                    let batch = picker.pick(&kernel, &rows, width, 0);
                    let passed: Vec<usize> = match batch.picked {
                        Picked::All => (0..300).collect(),
                        Picked::Rows(rows) => rows.iter().map(|row| usize::from(*row)).collect(),
                    };
                    let is_before = |row: &[u8]| if or_equal { key(row) <= last } else { key(row) < last };
                    let wanted = rows.chunks_exact(width).enumerate().filter(|(_, row)| is_before(row));
                    let wanted: Vec<usize> = wanted.map(|(at, _)| at).collect();
                    assert_eq!(passed, wanted, "{ty}, {is_descending} {nulls_last} {or_equal} {last:?}");
                }
            }
            const { assert!(300 < BATCH_ROWS) };
        }
    }

    /// Rows in the opposite order, so that each is among the first ones when it comes, and many
    /// that are equal.
    #[test]
    fn the_bound_loses_no_row() {
        let schema: Schema = "x: u16".parse().unwrap();
        let place = Column::from("x").place(&schema).unwrap();
        for step in [1, 100, 5000] {
            let field = SortField { place: place.clone(), is_descending: true, nulls_last: true };
            let mut sorter = Sorter::new(vec![field], 10, Some(7));
            let mut bound: Option<Kernel> = None;
            let mut skipped = 0;
            for number in 0..20_000_u64 {
                let row = ((number / step) as u16).to_le_bytes();
                if let Some(bound) = &bound
                    && matches!(Picker::new().pick(bound, &row, 2, 0).picked, Picked::Rows([]))
                {
                    skipped += 1;
                    continue;
                }
                sorter.push(&row, number, |out| {
                    out.extend(row);
                    out.extend(number.to_le_bytes());
                });
                if let Some(filter) = sorter.new_bound() {
                    bound = Some(Kernel::new(&filter));
                }
            }
            let first = (19_999 / step * step).min(20_000 - 7);
            let mut wanted: Vec<u64> = (first..20_000).collect();
            wanted.sort_by_key(|number| (std::cmp::Reverse(number / step), *number));
            let numbers: Vec<u64> = sorter
                .finish()
                .chunks_exact(10)
                .map(|row| row[2..].try_into().map_or(0, u64::from_le_bytes))
                .collect();
            assert_eq!(numbers, wanted[..7], "{step}");
            assert_eq!(skipped > 0, step > 1, "{step}");
        }
    }
}
