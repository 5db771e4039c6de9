//! The rows of a damaged table, leaf by leaf, with a list of those that are lost.

use std::ops::Range;

use super::report::Loss;
use crate::catalog::Definition;
use crate::error::{Error, Result};
use crate::load::RecordSource;
use crate::schema::FieldDef;
use crate::table::describe_key;
use crate::tree::{Rescue, Rescued};

/// The greatest number of losses of single rows that are listed for a table. After that, a leaf
/// with such a row is lost whole: a forged file could have millions.
const LOSSES: usize = 10_000;

/// The sound rows of a damaged table, as a source of a load.
pub(super) struct RescueSource<'a> {
    table: &'a Definition,
    /// The fields that may hold bytes that are no value of their type.
    doubtful: Vec<&'a FieldDef>,
    rescue: Rescue<'a>,
    /// The rest of the current leaf.
    records: &'a [u8],
    /// The number of its first row.
    next_row: u64,
    given: u64,
    last: Option<&'a [u8]>,
    lost: Vec<Loss>,
    /// How many of them have `before` set: a row after them was copied.
    bounded: usize,
    /// The number after the last row that was lost because of its values.
    last_lost_values: u64,
}

impl<'a> RescueSource<'a> {
    pub(super) fn new(table: &'a Definition, rescue: Rescue<'a>) -> RescueSource<'a> {
        RescueSource {
            table,
            doubtful: table.schema.fields().iter().filter(|field| field.can_be_invalid()).collect(),
            rescue,
            records: &[],
            next_row: 0,
            given: 0,
            last: None,
            lost: Vec::new(),
            bounded: 0,
            last_lost_values: u64::MAX,
        }
    }

    /// What was lost on the way.
    pub(super) fn into_lost(self) -> Vec<Loss> {
        self.lost
    }

    fn key(&self, record: &[u8]) -> Option<String> {
        self.table.layout.is_keyed().then(|| describe_key(self.table, record))
    }

    /// The next sound row.
    fn next(&mut self) -> Option<&'a [u8]> {
        let width = self.table.layout.width();
        loop {
            let Some((record, rest)) = self.records.split_at_checked(width) else {
                match self.rescue.next()? {
                    Rescued::Records { first_row, records } => {
                        (self.records, self.next_row) = (records, first_row);
                    }
                    Rescued::Lost { rows, error } => self.lose(rows, error),
                }
                continue;
            };
            let row = self.next_row;
            if let Err(error) = self.check(record) {
                let all = (self.records.len() / width) as u64;
                let rows = if self.lost.len() < LOSSES { 1 } else { all };
                self.records = if rows == 1 { rest } else { &[] };
                self.next_row += rows;
                self.lose_values(row..row + rows, error);
                continue;
            }
            (self.records, self.next_row) = (rest, row + 1);
            return Some(record);
        }
    }

    /// An error if a value is not one of its type.
    fn check(&self, record: &[u8]) -> Result<()> {
        self.doubtful.iter().try_for_each(|field| {
            let stored = record.get(field.offset()..field.offset() + field.width());
            field.check(stored.unwrap_or_default())
        })
    }

    /// Notes rows that are lost because of their values: one row, or the rest of a leaf. If such
    /// rows are right before it, all are one loss.
    fn lose_values(&mut self, rows: Range<u64>, error: Error) {
        if let Some(Loss { rows: Some(last), .. }) = self.lost[self.bounded..].last_mut()
            && self.last_lost_values == rows.start
        {
            last.end = rows.end;
        } else {
            self.lose(rows.clone(), error.within(format!("row {}", rows.start)));
        }
        self.last_lost_values = rows.end;
    }

    /// Notes rows that are lost.
    fn lose(&mut self, rows: Range<u64>, error: Error) {
        let after = self.last.and_then(|record| self.key(record));
        self.lost.push(Loss { rows: Some(rows), after, ..Loss::of(Some(&self.table.name), error) });
    }
}

impl RecordSource for RescueSource<'_> {
    fn next_record(&mut self, into: &mut [u8]) -> Result<bool> {
        let Some(record) = self.next() else { return Ok(false) };
        if self.bounded < self.lost.len() {
            let before = self.key(record);
            for loss in &mut self.lost[self.bounded..] {
                loss.before.clone_from(&before);
            }
            self.bounded = self.lost.len();
        }
        into.copy_from_slice(record);
        self.last = Some(record);
        self.given += 1;
        Ok(true)
    }

    fn place(&self) -> u64 {
        self.given
    }

    /// The rows that the table had, lost ones included. Without it the load would let the file of a
    /// small table grow in large steps.
    fn rows_hint(&self) -> Option<u64> {
        Some(self.table.root.rows.saturating_sub(self.given))
    }
}
