//! `Sorter`: sorts records by key within a memory budget. What does not fit goes to temporary files
//! as sorted runs, which a thread writes while the next records come (`spill.rs`). Loads and index
//! builds use it; it knows nothing of trees.
//!
//! ```text
//! memory:  | records that come | records of a run | their order, twice |
//! ```

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::PathBuf;

use super::merge::Clash;
use super::source::{Block, RecordSource};
use super::spill::{Buffer, LEAST_BUFFER, Pending, Run, begin, scratch, spill_error};
use crate::error::Result;
use crate::storage::Scratch;
use crate::tree::Probe;

/// Records that are being sorted. Equal keys keep the order in which they came.
pub(super) struct Sorter<P: Probe> {
    probe: P,
    width: usize,
    folder: PathBuf,
    memory_bytes: usize,
    /// How many records fit into a buffer. Memory holds two of them, and what sorting one takes.
    capacity: usize,
    buffer: Buffer,
    /// How many records are in the buffer.
    rows: usize,
    last: Option<P::Word>,
    /// The run that is being written.
    pending: Option<Pending>,
    /// The buffer of the last run.
    spare: Option<Buffer>,
    runs: Vec<Run>,
    spilled_runs: u64,
    taken: u64,
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
        let each = 2 * (width + place) + 2 * size_of::<(P::Word, u32)>();
        let capacity = (memory_bytes / each).clamp(16, u32::MAX as usize);
        Sorter {
            probe,
            width,
            folder,
            memory_bytes,
            capacity,
            buffer: Buffer::new(keeps_places),
            rows: 0,
            last: None,
            pending: None,
            spare: None,
            runs: Vec::new(),
            spilled_runs: 0,
            taken: 0,
        }
    }

    /// Reads records until the buffer is full. Returns `false` if the source has no more.
    pub(super) fn fill(&mut self, source: &mut dyn RecordSource) -> Result<bool> {
        self.fill_to(source, self.capacity)
    }

    /// Reads records until this many are in the buffer, or it is full. Returns `false` if the
    /// source has no more.
    pub(super) fn fill_to(&mut self, source: &mut dyn RecordSource, rows: usize) -> Result<bool> {
        let rows = rows.min(self.capacity);
        // This only reserves address space; memory is used as it is written. Growing would copy,
        // and need twice as much memory.
        let expected = source.rows_hint().map_or(rows, |hint| rows.min((hint as usize).saturating_add(1)));
        self.buffer.reserve(expected.max(self.rows) - self.rows, self.width);
        let mut block = Block::new(self.width);
        while self.len() < rows {
            if !block.read(source, rows - self.len())? {
                return Ok(false);
            }
            self.push_many(block.bytes(), block.first_place(source));
        }
        Ok(true)
    }

    /// Writes the records in the buffer to a file if it is full. `left` records are still to come.
    #[inline]
    pub(super) fn make_room(&mut self, left: u64) -> Result<()> {
        if self.len() == self.capacity {
            self.spill()?;
        }
        if self.len() == 0 && self.buffer.records.capacity() == 0 {
            self.buffer.reserve(self.capacity.min(left as usize), self.width);
        }
        Ok(())
    }

    /// Takes records with consecutive places.
    pub(super) fn push_many(&mut self, records: &[u8], first_place: u64) {
        for (record, place) in records.chunks_exact(self.width).zip(first_place..) {
            self.push(record, place);
        }
    }

    #[inline]
    pub(super) fn push(&mut self, record: &[u8], place: u64) {
        if self.buffer.in_order {
            let word = self.probe.stored(record);
            self.buffer.in_order = self.last.is_none_or(|last| last <= word);
            self.last = Some(word);
        }
        self.buffer.records.extend_from_slice(record);
        if let Some(places) = &mut self.buffer.places {
            places.push(place);
        }
        self.rows += 1;
        self.taken += 1;
    }

    /// How many records are in the buffer.
    pub(super) fn len(&self) -> usize {
        self.rows
    }

    /// How many records came since the start, or since the last drain.
    pub(super) fn taken(&self) -> u64 {
        self.taken
    }

    /// Whether the records in the buffer are in order.
    pub(super) fn is_in_order(&self) -> bool {
        self.buffer.in_order
    }

    /// Calls `take` with the records in the buffer, in the order in which they came.
    pub(super) fn drain(
        &mut self,
        mut take: impl FnMut(&[u8], u64) -> Result<(), Clash>,
    ) -> Result<(), Clash> {
        for (at, record) in self.buffer.records.chunks_exact(self.width).enumerate() {
            take(record, self.buffer.places.as_ref().map_or(0, |places| places[at]))?;
        }
        self.buffer.clear();
        (self.rows, self.last, self.taken) = (0, None, 0);
        Ok(())
    }

    /// Lets a thread write the records in the buffer to a temporary file, in order. Waits for the
    /// run before, and returns its error.
    pub(super) fn spill(&mut self) -> Result<()> {
        self.settle()?;
        self.merge_equal_runs()?;
        let next = self.spare.take().unwrap_or_else(|| Buffer::new(self.buffer.places.is_some()));
        let full = std::mem::replace(&mut self.buffer, next);
        (self.rows, self.last) = (0, None);
        self.spilled_runs += 1;
        match begin(full, self.probe, self.width, &self.folder) {
            Ok(pending) => self.pending = Some(pending),
            Err((run, buffer)) => {
                self.spare = Some(buffer);
                self.runs.push(run?);
            }
        }
        Ok(())
    }

    /// Waits for the run that is being written.
    pub(super) fn settle(&mut self) -> Result<()> {
        if let Some((run, buffer)) = self.pending.take().and_then(Pending::wait) {
            self.spare = Some(buffer);
            self.runs.push(run?);
        }
        Ok(())
    }

    /// All records, in order.
    pub(super) fn finish(mut self) -> Result<Sorted<P>> {
        self.settle()?;
        if self.runs.is_empty() {
            let order = self.buffer.order(self.probe, self.width);
            return Ok(Sorted::Memory {
                order: order.into_iter(),
                width: self.width,
                rows: self.rows,
                records: self.buffer.records,
                places: self.buffer.places,
            });
        }
        if self.len() > 0 {
            self.spill()?;
            self.settle()?;
        }
        let keeps_places = self.buffer.places.is_some();
        (self.buffer, self.spare) = (Buffer::new(keeps_places), None);
        self.merge_equal_runs()?;
        let spilled_runs = self.spilled_runs;
        let runs = std::mem::take(&mut self.runs);
        let merged = self.merged(runs, self.memory_bytes)?;
        Ok(Sorted::Runs { merged, spilled_runs })
    }

    /// The bytes of a record in a run.
    fn run_width(&self) -> usize {
        self.width + if self.buffer.places.is_some() { size_of::<u64>() } else { 0 }
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
            // Memory holds one full buffer now, so the readers may take half of it.
            self.spare = None;
            let runs = self.runs.split_off(self.runs.len() - equal);
            let mut file = scratch(&self.folder)?;
            let mut out = BufWriter::with_capacity(LEAST_BUFFER * 4, &mut file);
            let mut merged = self.merged(runs, self.memory_bytes / 2)?;
            let mut rows = 0;
            while let Some((record, place)) = merged.next()? {
                out.write_all(record).map_err(spill_error)?;
                if self.buffer.places.is_some() {
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

    /// Begins to read these runs as one, within this memory.
    fn merged(&self, runs: Vec<Run>, memory_bytes: usize) -> Result<Merged<P>> {
        let buffer = (memory_bytes / (runs.len() + 1)).clamp(LEAST_BUFFER, 4 << 20);
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

#[cfg(test)]
mod tests {
    use super::super::spill::refusal;
    use super::*;
    use crate::tree::UnsignedProbe;

    /// Numbers out of order.
    struct Numbers {
        next: u64,
        end: u64,
    }

    impl RecordSource for Numbers {
        fn next_record(&mut self, record: &mut [u8]) -> Result<bool> {
            if self.next == self.end {
                return Ok(false);
            }
            // Many keys come more than once.
            let key = self.next.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 50;
            record.copy_from_slice(&key.to_le_bytes());
            self.next += 1;
            Ok(true)
        }

        fn place(&self) -> u64 {
            self.next
        }
    }

    fn sorter(memory_bytes: usize, folder: PathBuf) -> Sorter<UnsignedProbe<8>> {
        Sorter::new(UnsignedProbe::<8>, 8, true, memory_bytes, folder)
    }

    fn sorted(memory_bytes: usize, end: u64) -> (Vec<(u64, u64)>, u64) {
        let mut sorter = sorter(memory_bytes, std::env::temp_dir());
        let mut source = Numbers { next: 0, end };
        while sorter.fill(&mut source).unwrap() {
            sorter.spill().unwrap();
        }
        let mut sorted = sorter.finish().unwrap();
        let mut all = Vec::new();
        while let Some((record, place)) = sorted.next().unwrap() {
            all.push((u64::from_le_bytes(record.try_into().unwrap()), place));
        }
        (all, sorted.spilled_runs())
    }

    #[test]
    fn runs_that_a_thread_writes_are_those_that_the_caller_writes() {
        let (whole, none) = sorted(64 << 20, 20_000);
        assert!(none == 0 && whole.is_sorted() && whole.len() == 20_000);
        for memory_bytes in [1000, 50_000, 400_000, 1_200_000] {
            let by_thread = sorted(memory_bytes, 20_000);
            refusal::IS_ON.set(true);
            let by_caller = sorted(memory_bytes, 20_000);
            refusal::IS_ON.set(false);
            assert!(by_thread == by_caller && by_thread.0 == whole, "{memory_bytes} bytes");
            assert!(by_thread.1 > 0, "{memory_bytes} bytes");
        }
    }

    #[test]
    fn a_run_that_cannot_be_written_is_an_error_once() {
        for refused in [false, true] {
            refusal::IS_ON.set(refused);
            let mut sorter = sorter(10_000, "/no/such/folder".into());
            let mut source = Numbers { next: 0, end: 1000 };
            assert!(sorter.fill(&mut source).unwrap());
            let error = sorter.spill().and_then(|()| sorter.settle()).unwrap_err();
            refusal::IS_ON.set(false);
            assert!(error.to_string().starts_with("cannot make a temporary file in"), "{error}");
            assert!(sorter.settle().is_ok());
        }
    }
}
