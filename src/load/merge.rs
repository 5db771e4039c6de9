//! `Merge`: merges sorted records with the rows of a tree into a new tree, and decides what happens
//! to duplicates. Loads use it.

use std::cmp::Ordering;

use super::options::OnDuplicate;
use super::source::RecordSource;

use crate::error::{Error, ErrorKind, Result};
use crate::page::TreeRoot;
use crate::tree::{Expected, Probe, Slices, TreeBuilder, TreeWriter, lower_bound};

/// The words of the error for two records with the same key.
#[derive(Clone, Copy)]
pub(crate) struct DuplicateWords<'x> {
    /// The key of a record as text for a message.
    pub(crate) describe_key: &'x dyn Fn(&[u8]) -> String,
    /// What can be done about it.
    pub(crate) way_out: &'x str,
}

/// What happened to a record that was pushed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Pushed {
    Taken,
    /// It was not taken, as its key is below that of the record before.
    OutOfOrder,
}

/// Where the first of two records with one key came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Origin {
    /// The table had it before the load.
    InTable,
    /// The source, at this place.
    Place(u64),
    /// The source: row n of the tree is the record at place n + this.
    Shift(u64),
    /// The table or the source; it is not known which.
    Before,
}

/// Why a merge stopped.
#[derive(Debug)]
pub(super) enum Clash {
    Failed(Error),
    Twice { record: Vec<u8>, first: Origin, second: u64 },
}

impl From<Error> for Clash {
    fn from(error: Error) -> Clash {
        Clash::Failed(error)
    }
}

impl Clash {
    pub(super) fn twice(record: &[u8], first: Origin, second: u64) -> Clash {
        Clash::Twice { record: record.to_vec(), first, second }
    }

    /// The error message.
    pub(super) fn explain(self, words: DuplicateWords<'_>, source: &dyn RecordSource) -> Error {
        match self {
            Clash::Failed(error) => error,
            Clash::Twice { record, first, second } => {
                let key = (words.describe_key)(&record);
                let second = source.describe(second);
                let message = match first {
                    Origin::InTable => format!("key {key} of {second} is in the table already"),
                    Origin::Place(first) | Origin::Shift(first) => {
                        format!("key {key} comes twice: at {} and at {second}", source.describe(first))
                    }
                    Origin::Before => format!("key {key} of {second} came before"),
                };
                Error::new(ErrorKind::KeyExists, format!("{message}; {}", words.way_out))
            }
        }
    }
}

/// A running merge. Records are pushed in key order.
pub(super) struct Merge<'s, P: Probe> {
    probe: P,
    on_duplicate: OnDuplicate,
    builder: TreeBuilder<'s>,
    width: usize,
    /// The existing rows that were not copied yet.
    existing: Slices<'s>,
    slice: &'s [u8],
    existing_row: u64,
    known: Origin,
    /// The key of the record that was pushed last, and its place.
    last: Option<P::Word>,
    last_place: u64,
    /// Rows of the new tree so far.
    rows: u64,
    duplicates: u64,
    /// The place of a record minus its row number, as long as it is the same for all.
    shift: Option<u64>,
}

impl<'s, P: Probe> Merge<'s, P> {
    pub(super) fn new(
        tree: &'s TreeWriter,
        probe: P,
        on_duplicate: OnDuplicate,
        expected: Expected,
        known: Origin,
    ) -> Merge<'s, P> {
        Merge {
            probe,
            on_duplicate,
            builder: TreeBuilder::new(tree.session(), tree.layout().clone(), expected),
            width: tree.layout().width(),
            existing: tree.view().slices(0..tree.rows()),
            slice: &[],
            existing_row: 0,
            known,
            last: None,
            last_place: 0,
            rows: 0,
            duplicates: 0,
            shift: None,
        }
    }

    /// Takes the next record, unless its key is lower than that of the last one.
    #[inline]
    pub(super) fn push(&mut self, record: &[u8], place: u64) -> Result<Pushed, Clash> {
        let word = self.probe.stored(record);
        match self.last.map_or(Ordering::Greater, |last| word.cmp(&last)) {
            Ordering::Greater => {}
            Ordering::Less => return Ok(Pushed::OutOfOrder),
            Ordering::Equal => return self.push_again(record, place),
        }
        self.last = Some(word);
        self.last_place = place;
        if !self.existing.rows().is_empty() || !self.slice.is_empty() {
            self.copy_below(word)?;
            if self.probe_slice() == Some(word) {
                self.duplicates += 1;
                match self.on_duplicate {
                    OnDuplicate::Error => {
                        let first = match self.known {
                            Origin::Shift(shift) => Origin::Place(self.existing_row.wrapping_add(shift)),
                            known => known,
                        };
                        return Err(Clash::twice(record, first, place));
                    }
                    OnDuplicate::First => return Ok(Pushed::Taken),
                    OnDuplicate::Last => {
                        self.slice = &self.slice[self.width..];
                        self.existing_row += 1;
                    }
                }
            }
        }
        self.append(record, 1, place)?;
        Ok(Pushed::Taken)
    }

    /// Takes records with consecutive places, up to the first whose key is lower than that of the
    /// one before. Returns how many were taken.
    pub(super) fn push_many(&mut self, records: &[u8], first_place: u64) -> Result<usize, Clash> {
        let (mut rest, mut taken) = (records, 0);
        while !rest.is_empty() {
            let place = first_place.wrapping_add(taken as u64);
            let rows = self.ascending(rest);
            if rows > 0 {
                self.append(&rest[..rows * self.width], rows as u64, place)?;
                self.last_place = place.wrapping_add(rows as u64 - 1);
                taken += rows;
            } else if self.push(&rest[..self.width], place)? == Pushed::OutOfOrder {
                break;
            } else {
                taken += 1;
            }
            rest = &records[taken * self.width..];
        }
        Ok(taken)
    }

    /// How many records only need to be appended: their keys ascend, and no existing row is left.
    fn ascending(&mut self, records: &[u8]) -> usize {
        let Some(mut last) = self.last else { return 0 };
        if !self.existing.rows().is_empty() || !self.slice.is_empty() {
            return 0;
        }
        let mut rows = 0;
        for record in records.chunks_exact(self.width) {
            let word = self.probe.stored(record);
            if word <= last {
                break;
            }
            last = word;
            rows += 1;
        }
        self.last = Some(last);
        rows
    }

    fn append(&mut self, records: &[u8], rows: u64, place: u64) -> Result<()> {
        let shift = place.wrapping_sub(self.rows);
        match self.shift {
            None => self.shift = Some(shift),
            Some(before) if before != shift => self.shift = Some(u64::MAX),
            Some(_) => {}
        }
        self.rows += rows;
        self.builder.push(records)
    }

    /// Handles a record with the key of the last one.
    #[cold]
    fn push_again(&mut self, record: &[u8], place: u64) -> Result<Pushed, Clash> {
        self.duplicates += 1;
        match self.on_duplicate {
            OnDuplicate::Error => return Err(Clash::twice(record, Origin::Place(self.last_place), place)),
            OnDuplicate::First => {}
            OnDuplicate::Last => self.builder.replace_last(record),
        }
        Ok(Pushed::Taken)
    }

    /// Where the rows so far came from, if there were no rows before.
    pub(super) fn known(&self) -> Origin {
        match self.shift {
            Some(shift) if shift != u64::MAX && self.duplicates == 0 => Origin::Shift(shift),
            _ => Origin::Before,
        }
    }

    /// Copies the rows behind the last record. Returns the root, and the number of duplicates.
    pub(super) fn finish(mut self) -> Result<(TreeRoot, u64)> {
        self.builder.push(self.slice)?;
        for slice in self.existing {
            self.builder.push(slice?)?;
        }
        Ok((self.builder.finish()?, self.duplicates))
    }

    fn probe_slice(&self) -> Option<P::Word> {
        (!self.slice.is_empty()).then(|| self.probe.stored(self.slice))
    }

    /// Copies the existing rows whose keys are below this one.
    fn copy_below(&mut self, word: P::Word) -> Result<()> {
        loop {
            if self.slice.is_empty() {
                match self.existing.next() {
                    Some(slice) => self.slice = slice?,
                    None => return Ok(()),
                }
            }
            let rows = self.slice.len() / self.width;
            let below = lower_bound(rows, word, |row| self.probe.stored(&self.slice[row * self.width..]));
            let (taken, rest) = self.slice.split_at(below * self.width);
            self.builder.push(taken)?;
            self.existing_row += below as u64;
            self.rows += below as u64;
            self.slice = rest;
            if !rest.is_empty() {
                return Ok(());
            }
        }
    }
}
