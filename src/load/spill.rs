//! `Buffer`: records in memory that are sorted and written to a temporary file, a run. A thread
//! does that while the next records come.

use std::io::{BufWriter, Write};
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::thread::{Builder, JoinHandle};

use crate::error::{Error, Result};
use crate::storage::Scratch;
use crate::tree::Probe;

/// The smallest buffer for reading a run, in bytes. A run is written with four times as much.
pub(super) const LEAST_BUFFER: usize = 64 << 10;

/// Records in the order in which they came.
pub(super) struct Buffer {
    pub(super) records: Vec<u8>,
    /// The places that the records came from, if they are kept.
    pub(super) places: Option<Vec<u64>>,
    pub(super) in_order: bool,
}

/// A sorted run in a temporary file: records, each followed by its place if places are kept.
pub(super) struct Run {
    pub(super) file: Scratch,
    pub(super) rows: u64,
    /// How often its rows were merged. Runs of one level have about the same length.
    pub(super) level: u32,
}

impl Buffer {
    pub(super) fn new(keeps_places: bool) -> Buffer {
        Buffer { records: Vec::new(), places: keeps_places.then(Vec::new), in_order: true }
    }

    /// Reserves room for this many more records. The number comes from a memory budget or a hint of
    /// the source, and may be more than the machine has. Then the buffers grow as they are filled.
    pub(super) fn reserve(&mut self, rows: usize, width: usize) {
        let places = self.places.as_mut().map(|places| places.try_reserve_exact(rows));
        if places.is_none_or(|places| places.is_ok()) {
            let _ = self.records.try_reserve_exact(rows.saturating_mul(width));
        }
    }

    pub(super) fn clear(&mut self) {
        self.records.clear();
        self.places.iter_mut().for_each(Vec::clear);
        self.in_order = true;
    }

    /// The keys of the records, and their positions.
    fn keys<P: Probe>(&self, probe: P, width: usize) -> Vec<(P::Word, u32)> {
        let records = self.records.chunks_exact(width).zip(0..);
        records.map(|(record, index)| (probe.stored(record), index)).collect()
    }

    /// The same in order.
    pub(super) fn order<P: Probe>(&self, probe: P, width: usize) -> Vec<(P::Word, u32)> {
        let mut order = self.keys(probe, width);
        if !self.in_order {
            P::sort(&mut order);
        }
        order
    }
}

/// A buffer that becomes a run.
struct Task<W> {
    buffer: Buffer,
    /// The keys of the records, and their positions.
    order: Vec<(W, u32)>,
    sort: fn(&mut [(W, u32)]),
    width: usize,
    folder: PathBuf,
}

/// A buffer that a thread writes, and the buffer when it is empty again. Dropped, it waits for the
/// thread, so that no file is written after the end of a load.
pub(super) struct Pending(Option<JoinHandle<Option<Written>>>);

type Written = (Result<Run>, Buffer);

/// Lets a thread sort these records and write them to a file in this folder. If the system has no
/// more threads, it is done here.
pub(super) fn begin<P: Probe>(
    buffer: Buffer,
    probe: P,
    width: usize,
    folder: &Path,
) -> Result<Pending, Written> {
    // The probe borrows the layout of the tree, so it stays here.
    let order = buffer.keys(probe, width);
    let task = Task { buffer, order, sort: P::sort, width, folder: folder.into() };
    let (give, take) = sync_channel::<Task<P::Word>>(1);
    // A thread that cannot be started would drop the task, so it is handed over later.
    match start(move || take.recv().ok().map(Task::run)) {
        Some(thread) => match give.send(task) {
            Ok(()) => Ok(Pending(Some(thread))),
            Err(unsent) => Err(unsent.0.run()),
        },
        None => Err(task.run()),
    }
}

impl<W> Task<W> {
    fn run(mut self) -> Written {
        if !self.buffer.in_order {
            (self.sort)(&mut self.order);
        }
        let run = self.write();
        self.buffer.clear();
        (run, self.buffer)
    }

    fn write(&self) -> Result<Run> {
        let mut file = scratch(&self.folder)?;
        let mut out = BufWriter::with_capacity(LEAST_BUFFER * 4, &mut file);
        for (_, index) in &self.order {
            let index = *index as usize;
            out.write_all(&self.buffer.records[index * self.width..][..self.width]).map_err(spill_error)?;
            if let Some(places) = &self.buffer.places {
                out.write_all(&places[index].to_le_bytes()).map_err(spill_error)?;
            }
        }
        out.flush().map_err(spill_error)?;
        drop(out);
        Ok(Run { file, rows: self.order.len() as u64, level: 0 })
    }
}

impl Pending {
    /// Waits until the run is written.
    pub(super) fn wait(mut self) -> Option<Written> {
        self.0.take().and_then(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)))
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let Some(thread) = self.0.take() {
            let _ = thread.join();
        }
    }
}

fn start<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<JoinHandle<T>> {
    #[cfg(test)]
    if refusal::IS_ON.get() {
        return None;
    }
    Builder::new().name("sorting".into()).spawn(work).ok()
}

pub(super) fn scratch(folder: &Path) -> Result<Scratch> {
    Scratch::new(folder)
        .map_err(|error| Error::io(format!("cannot make a temporary file in {folder:?}"), error))
}

pub(super) fn spill_error(error: std::io::Error) -> Error {
    Error::io("cannot use a temporary file for sorting", error)
}

/// In place of a system that refuses threads.
#[cfg(test)]
pub(super) mod refusal {
    use std::cell::Cell;

    thread_local! {
        pub(crate) static IS_ON: Cell<bool> = const { Cell::new(false) };
    }
}
