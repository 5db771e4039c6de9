//! `Sorter`: sorts records by key within a memory budget. What does not fit goes to temporary files
//! as sorted runs. Loads and index builds use it; it knows nothing of trees.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::PathBuf;

use super::merge::Clash;
use super::source::{Block, RecordSource};
use crate::error::{Error, Result};
use crate::storage::Scratch;
use crate::tree::Probe;

/// The smallest buffer for reading a run, in bytes.
const LEAST_BUFFER: usize = 64 << 10;

/// Records that are being sorted. Equal keys keep the order in which they came.
pub(super) struct Sorter<P: Probe> {
    probe: P,
    width: usize,
    folder: PathBuf,
    memory_bytes: usize,
    /// How many records fit into memory, with their places and the memory for sorting.
    capacity: usize,
    records: Vec<u8>,
    /// How many records are in memory.
    rows: usize,
    /// The places that the records came from, if they are kept.
    places: Option<Vec<u64>>,
    last: Option<P::Word>,
    in_order: bool,
    runs: Vec<Run>,
    spilled_runs: u64,
    taken: u64,
}

/// A sorted run in a temporary file: records, each followed by its place if places are kept.
struct Run {
    file: Scratch,
    rows: u64,
    /// How often its rows were merged. Runs of one level have about the same length.
    level: u32,
}

impl<P: Probe> Sorter<P> {
    /// A sorter of records of `width` bytes. Unless it keeps places, it returns 0 as the place of
    /// each.
    pub(super) fn new(
        probe: P,
        width: usize,
        keeps_places: bool,
        memory_bytes: usize,
        folder: PathBuf,
    ) -> Sorter<P> {
        let place = if keeps_places { size_of::<u64>() } else { 0 };
        let each = width + place + 2 * size_of::<(P::Word, u32)>();
        let capacity = (memory_bytes / each).clamp(16, u32::MAX as usize);
        Sorter {
            probe,
            width,
            folder,
            memory_bytes,
            capacity,
            records: Vec::new(),
            rows: 0,
            places: keeps_places.then(Vec::new),
            last: None,
            in_order: true,
            runs: Vec::new(),
            spilled_runs: 0,
            taken: 0,
        }
    }

    /// Reads records until memory is full. Returns `false` if the source has no more.
    pub(super) fn fill(&mut self, source: &mut dyn RecordSource) -> Result<bool> {
        self.fill_to(source, self.capacity)
    }

    /// Reads records until this many are in memory, or it is full. Returns `false` if the source
    /// has no more.
    pub(super) fn fill_to(&mut self, source: &mut dyn RecordSource, rows: usize) -> Result<bool> {
        let rows = rows.min(self.capacity);
        // This only reserves address space; memory is used as it is written. Growing would copy,
        // and need twice as much memory.
        let expected = source.rows_hint().map_or(rows, |hint| rows.min((hint as usize).saturating_add(1)));
        self.reserve(expected.max(self.rows) - self.rows);
        let mut block = Block::new(self.width);
        while self.len() < rows {
            if !block.read(source, rows - self.len())? {
                return Ok(false);
            }
            self.push_many(block.bytes(), block.first_place(source));
        }
        Ok(true)
    }

    /// Writes the records in memory to a file if it is full. `left` records are still to come.
    #[inline]
    pub(super) fn make_room(&mut self, left: u64) -> Result<()> {
        if self.len() == self.capacity {
            self.spill()?;
        }
        if self.len() == 0 && self.records.capacity() == 0 {
            self.reserve(self.capacity.min(left as usize));
        }
        Ok(())
    }

    /// Reserves room for this many more records. The number comes from a memory budget or a hint of
    /// the source, and may be more than the machine has. Then the buffers grow as they are filled.
    fn reserve(&mut self, rows: usize) {
        let places = self.places.as_mut().map(|places| places.try_reserve_exact(rows));
        if places.is_none_or(|places| places.is_ok()) {
            let _ = self.records.try_reserve_exact(rows.saturating_mul(self.width));
        }
    }

    /// Takes records with consecutive places.
    pub(super) fn push_many(&mut self, records: &[u8], first_place: u64) {
        for (record, place) in records.chunks_exact(self.width).zip(first_place..) {
            self.push(record, place);
        }
    }

    #[inline]
    pub(super) fn push(&mut self, record: &[u8], place: u64) {
        if self.in_order {
            let word = self.probe.stored(record);
            self.in_order = self.last.is_none_or(|last| last <= word);
            self.last = Some(word);
        }
        self.records.extend_from_slice(record);
        if let Some(places) = &mut self.places {
            places.push(place);
        }
        self.rows += 1;
        self.taken += 1;
    }

    /// How many records are in memory.
    pub(super) fn len(&self) -> usize {
        self.rows
    }

    /// How many records came since the start, or since the last drain.
    pub(super) fn taken(&self) -> u64 {
        self.taken
    }

    /// Whether the records in memory are in order.
    pub(super) fn is_in_order(&self) -> bool {
        self.in_order
    }

    /// Calls `take` with the records in memory, in the order in which they came.
    pub(super) fn drain(
        &mut self,
        mut take: impl FnMut(&[u8], u64) -> Result<(), Clash>,
    ) -> Result<(), Clash> {
        for (at, record) in self.records.chunks_exact(self.width).enumerate() {
            take(record, self.places.as_ref().map_or(0, |places| places[at]))?;
        }
        self.clear();
        self.taken = 0;
        Ok(())
    }

    /// Writes the records in memory to a temporary file, in order.
    pub(super) fn spill(&mut self) -> Result<()> {
        let mut file = self.scratch()?;
        let rows = self.len() as u64;
        let order = self.order();
        let mut out = BufWriter::with_capacity(LEAST_BUFFER * 4, &mut file);
        for (_, index) in &order {
            let index = *index as usize;
            out.write_all(&self.records[index * self.width..][..self.width]).map_err(spill_error)?;
            if let Some(places) = &self.places {
                out.write_all(&places[index].to_le_bytes()).map_err(spill_error)?;
            }
        }
        out.flush().map_err(spill_error)?;
        drop(out);
        drop(order);
        self.clear();
        self.runs.push(Run { file, rows, level: 0 });
        self.spilled_runs += 1;
        self.merge_equal_runs()
    }

    /// All records, in order.
    pub(super) fn finish(mut self) -> Result<Sorted<P>> {
        if self.runs.is_empty() {
            let order = self.order();
            return Ok(Sorted::Memory {
                order: order.into_iter(),
                width: self.width,
                rows: self.rows,
                records: self.records,
                places: self.places,
            });
        }
        if self.len() > 0 {
            self.spill()?;
        }
        self.release();
        let spilled_runs = self.spilled_runs;
        let runs = std::mem::take(&mut self.runs);
        let merged = self.merged(runs)?;
        Ok(Sorted::Runs { merged, spilled_runs })
    }

    fn clear(&mut self) {
        self.records.clear();
        self.places.iter_mut().for_each(Vec::clear);
        (self.rows, self.last, self.in_order) = (0, None, true);
    }

    /// Frees the memory for records; the sorter must be empty.
    fn release(&mut self) {
        self.records = Vec::new();
        self.places = self.places.is_some().then(Vec::new);
    }

    /// The bytes of a record in a run.
    fn run_width(&self) -> usize {
        self.width + if self.places.is_some() { size_of::<u64>() } else { 0 }
    }

    fn order(&self) -> Vec<(P::Word, u32)> {
        let records = self.records.chunks_exact(self.width);
        let mut order: Vec<(P::Word, u32)> =
            records.zip(0..).map(|(record, index)| (self.probe.stored(record), index)).collect();
        if !self.in_order {
            P::sort(&mut order);
        }
        order
    }

    fn scratch(&self) -> Result<Scratch> {
        Scratch::new(&self.folder)
            .map_err(|error| Error::io(format!("cannot make a temporary file in {:?}", self.folder), error))
    }

    /// The number of runs that are read at once within the budget.
    fn fan_in(&self) -> usize {
        (self.memory_bytes / LEAST_BUFFER / 2).clamp(8, 256)
    }

    /// Merges the last runs into one, if as many of one level as are read at once have come
    /// together.
    fn merge_equal_runs(&mut self) -> Result<()> {
        let fan_in = self.fan_in();
        while let Some(last) = self.runs.last() {
            let level = last.level;
            let equal = self.runs.iter().rev().take_while(|run| run.level == level).count();
            if equal < fan_in {
                return Ok(());
            }
            // Memory holds no records now, so the buffers of the readers may take it.
            self.release();
            let runs = self.runs.split_off(self.runs.len() - equal);
            let mut file = self.scratch()?;
            let mut out = BufWriter::with_capacity(LEAST_BUFFER * 4, &mut file);
            let mut merged = self.merged(runs)?;
            let mut rows = 0;
            while let Some((record, place)) = merged.next()? {
                out.write_all(record).map_err(spill_error)?;
                if self.places.is_some() {
                    out.write_all(&place.to_le_bytes()).map_err(spill_error)?;
                }
                rows += 1;
            }
            out.flush().map_err(spill_error)?;
            drop(out);
            self.runs.push(Run { file, rows, level: level + 1 });
        }
        Ok(())
    }

    fn merged(&self, runs: Vec<Run>) -> Result<Merged<P>> {
        let buffer = (self.memory_bytes / (runs.len() + 1)).clamp(LEAST_BUFFER, 4 << 20);
        let mut merged = Merged {
            probe: self.probe,
            heap: BinaryHeap::new(),
            runs: Vec::new(),
            out: vec![0; self.run_width()],
            width: self.width,
            rows: 0,
        };
        for (index, mut run) in runs.into_iter().enumerate() {
            run.file.rewind().map_err(spill_error)?;
            let mut reader = RunReader {
                file: BufReader::with_capacity(buffer, run.file),
                left: run.rows,
                row: vec![0; self.run_width()],
            };
            merged.rows += run.rows;
            if reader.advance()? {
                merged.heap.push(Reverse((self.probe.stored(&reader.row), index)));
            }
            merged.runs.push(reader);
        }
        Ok(merged)
    }
}

/// Sorted records, which are returned one by one.
pub(super) enum Sorted<P: Probe> {
    Memory {
        order: std::vec::IntoIter<(P::Word, u32)>,
        width: usize,
        rows: usize,
        records: Vec<u8>,
        places: Option<Vec<u64>>,
    },
    Runs {
        merged: Merged<P>,
        spilled_runs: u64,
    },
}

impl<P: Probe> Sorted<P> {
    /// The next record and its place.
    #[inline]
    pub(super) fn next(&mut self) -> Result<Option<(&[u8], u64)>> {
        match self {
            Sorted::Memory { order, width, records, places, .. } => Ok(order.next().map(|(_, index)| {
                let index = index as usize;
                let place = places.as_ref().map_or(0, |places| places[index]);
                (&records[index * *width..][..*width], place)
            })),
            Sorted::Runs { merged, .. } => merged.next(),
        }
    }

    /// The number of all records. Valid before the first was returned.
    pub(super) fn len(&self) -> u64 {
        match self {
            Sorted::Memory { rows, .. } => *rows as u64,
            Sorted::Runs { merged, .. } => merged.rows,
        }
    }

    pub(super) fn spilled_runs(&self) -> u64 {
        match self {
            Sorted::Memory { .. } => 0,
            Sorted::Runs { spilled_runs, .. } => *spilled_runs,
        }
    }
}

/// Reads several runs as one. Of equal keys, that of the earlier run comes first.
pub(super) struct Merged<P: Probe> {
    probe: P,
    heap: BinaryHeap<Reverse<(P::Word, usize)>>,
    runs: Vec<RunReader>,
    out: Vec<u8>,
    width: usize,
    rows: u64,
}

impl<P: Probe> Merged<P> {
    fn next(&mut self) -> Result<Option<(&[u8], u64)>> {
        let Some(mut least) = self.heap.peek_mut() else { return Ok(None) };
        let index = least.0.1;
        let run = &mut self.runs[index];
        std::mem::swap(&mut self.out, &mut run.row);
        if run.advance()? {
            *least = Reverse((self.probe.stored(&run.row), index));
            drop(least);
        } else {
            PeekMut::pop(least);
        }
        let (record, place) = self.out.split_at(self.width);
        Ok(Some((record, place.try_into().map_or(0, u64::from_le_bytes))))
    }
}

struct RunReader {
    file: BufReader<Scratch>,
    left: u64,
    /// The next record, followed by its place if places are kept.
    row: Vec<u8>,
}

impl RunReader {
    fn advance(&mut self) -> Result<bool> {
        if self.left == 0 {
            return Ok(false);
        }
        self.file.read_exact(&mut self.row).map_err(spill_error)?;
        self.left -= 1;
        Ok(true)
    }
}

fn spill_error(error: std::io::Error) -> Error {
    Error::io("cannot use a temporary file for sorting", error)
}
