//! Running a job: threads take pieces of the rows, and each gathers its part of the answer. At the
//! end the parts are put together in an order that does not depend on which thread did what.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::batch::{BATCH_ROWS, Batch, Picked};
use super::fold::Fold;
use super::group::Groups;
use super::kernel::Kernel;
use super::pick::Picker;
use super::rows::QueryRows;
use super::sort::Sorter;
use crate::error::{Result, bail};
use crate::query::plan::filter::Filter;
use crate::query::plan::job::Job;
use crate::query::plan::shape::{Aggregation, Projection, Shape};

/// Another thread pays only for at least this many rows.
const THREAD_ROWS: u64 = 1 << 17;

/// More threads than this are never started.
const THREADS: usize = 256;

/// Rows to be read in one go, and the number of the first one in the order of reading.
struct Piece {
    rows: Range<u64>,
    number: u64,
}

/// What a thread gathers.
enum Sink<'j> {
    /// Rows in the order of reading, one run for each piece.
    Rows {
        projection: &'j Projection,
        runs: Vec<(u64, Vec<u8>)>,
        left: usize,
    },
    Sorted {
        projection: &'j Projection,
        sorter: Sorter,
        number: u64,
    },
    One {
        folds: Vec<Box<dyn Fold>>,
    },
    Grouped {
        groups: Groups,
        folds: Vec<Box<dyn Fold>>,
    },
}

impl Job<'_> {
    /// How many threads it would run on.
    pub(in crate::query) fn parts(&self) -> usize {
        // One thread finds the first rows that pass soonest.
        if self.limit.is_some() && self.order.is_empty() && matches!(self.shape, Shape::Rows(_)) {
            return 1;
        }
        let worth = usize::try_from(self.plan.row_count() / THREAD_ROWS).unwrap_or(usize::MAX);
        self.threads.min(worth.max(1)).min(THREADS)
    }

    pub(in crate::query) fn run(&self) -> Result<QueryRows> {
        let kernel = Kernel::new(&self.plan.filter);
        let pieces = self.pieces(self.parts());
        let (next, used, failed) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicBool::new(false));
        let work = || {
            let mut worker = Worker {
                job: self,
                kernel: &kernel,
                bound: None,
                sink: self.sink(),
                used: &used,
                counted: 0,
                picker: Picker::new(),
            };
            while !failed.load(Ordering::Relaxed)
                && let Some(piece) = pieces.get(next.fetch_add(1, Ordering::Relaxed))
            {
                match worker.piece(piece) {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(error) => {
                        failed.store(true, Ordering::Relaxed);
                        return Err(error);
                    }
                }
            }
            Ok(worker.sink)
        };
        let others = self.parts().min(pieces.len().max(1)) - 1;
        let sinks: Vec<Result<Sink<'_>>> = std::thread::scope(|scope| {
            // The system may grant fewer threads than the caller asked for; then those do the work.
            let spawn = |_| std::thread::Builder::new().spawn_scoped(scope, work).ok();
            let threads: Vec<_> = (0..others).map_while(spawn).collect();
            let first = work();
            let rest = threads.into_iter().map(|thread| match thread.join() {
                Ok(sink) => sink,
                Err(panic) => std::panic::resume_unwind(panic),
            });
            std::iter::once(first).chain(rest).collect()
        });
        self.combine(sinks.into_iter().collect::<Result<_>>()?)
    }

    /// The rows in pieces: several for each thread, so that none waits long for another.
    fn pieces(&self, threads: usize) -> Vec<Piece> {
        let total = self.plan.row_count();
        let most = if threads == 1 { u64::MAX } else { (total / (8 * threads as u64)).max(THREAD_ROWS / 4) };
        let mut pieces = Vec::new();
        let mut number = 0;
        for range in &self.plan.rows {
            let mut start = range.start;
            while start < range.end {
                let end = range.end.min(start.saturating_add(most));
                pieces.push(Piece { rows: start..end, number });
                number += end - start;
                start = end;
            }
        }
        pieces
    }

    fn sink(&self) -> Sink<'_> {
        let limit = self.limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX));
        match &self.shape {
            Shape::Rows(projection) if self.order.is_empty() => {
                Sink::Rows { projection, runs: Vec::new(), left: limit.unwrap_or(usize::MAX) }
            }
            Shape::Rows(projection) => {
                let sorter = Sorter::new(self.order.clone(), projection.schema.width(), limit);
                Sink::Sorted { projection, sorter, number: 0 }
            }
            Shape::Aggregates(aggregation) => {
                let mut folds: Vec<_> = aggregation.fns.iter().map(|fun| fun.fold()).collect();
                if aggregation.groups.is_empty() {
                    folds.iter_mut().for_each(|fold| fold.grow(1));
                    Sink::One { folds }
                } else {
                    Sink::Grouped { groups: Groups::new(aggregation.groups.clone()), folds }
                }
            }
        }
    }

    fn combine(&self, sinks: Vec<Sink<'_>>) -> Result<QueryRows> {
        let mut sinks = sinks.into_iter();
        let Some(first) = sinks.next() else { bail!(Usage, "a query without threads") };
        match (first, &self.shape) {
            (Sink::Rows { mut runs, .. }, Shape::Rows(projection)) => {
                for sink in sinks {
                    if let Sink::Rows { runs: more, .. } = sink {
                        runs.extend(more);
                    }
                }
                runs.sort_unstable_by_key(|(number, _)| *number);
                let mut runs = runs.into_iter().map(|(_, run)| run);
                let mut bytes = runs.next().unwrap_or_default();
                runs.for_each(|run| bytes.extend(run));
                Ok(QueryRows::new(projection.schema.clone(), bytes))
            }
            (Sink::Sorted { mut sorter, .. }, Shape::Rows(projection)) => {
                for sink in sinks {
                    if let Sink::Sorted { sorter: more, .. } = sink {
                        sorter.append(more);
                    }
                }
                Ok(QueryRows::new(projection.schema.clone(), sorter.finish()))
            }
            (Sink::One { mut folds }, Shape::Aggregates(aggregation)) => {
                for sink in sinks {
                    if let Sink::One { folds: more } = sink {
                        folds.iter_mut().zip(&more).for_each(|(fold, more)| fold.merge(&**more, &[0]));
                    }
                }
                let mut bytes = Vec::with_capacity(aggregation.schema.width());
                let collisions = aggregation.write(None, &folds, 0, &mut bytes)?;
                // The lowest of all numbers may be the one that would mean null.
                let schema = if collisions.contains(&true) {
                    aggregation.schema_without_null(&collisions)?
                } else {
                    aggregation.schema.clone()
                };
                if self.limit == Some(0) {
                    bytes.clear();
                }
                Ok(QueryRows::new(schema, bytes))
            }
            (Sink::Grouped { mut groups, mut folds }, Shape::Aggregates(aggregation)) => {
                for sink in sinks {
                    if let Sink::Grouped { groups: more, folds: more_folds } = sink {
                        let here = groups.of_groups(&more);
                        for (fold, more) in folds.iter_mut().zip(&more_folds) {
                            fold.grow(groups.len());
                            fold.merge(&**more, &here);
                        }
                    }
                }
                self.groups(aggregation, &groups, &folds)
            }
            _ => bail!(Usage, "a query whose parts do not belong together"),
        }
    }

    /// The groups in order: as asked for, then by the fields of the group.
    fn groups(
        &self,
        aggregation: &Aggregation,
        groups: &Groups,
        folds: &[Box<dyn Fold>],
    ) -> Result<QueryRows> {
        let limit = self.limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX));
        let mut sorter = Sorter::new(self.order.clone(), aggregation.schema.width(), limit);
        let mut row = Vec::with_capacity(aggregation.schema.width());
        for group in 0..groups.len() {
            row.clear();
            let collisions = aggregation.write(Some(groups), folds, group, &mut row)?;
            if let Some(at) = collisions.iter().position(|collides| *collides) {
                let field = &aggregation.fns[at].field;
                bail!(
                    Limit,
                    "{}: the value of a group is the one that means null in {}?",
                    field.name(),
                    field.ty()
                );
            }
            sorter.push(&row, group as u64, |out| out.extend_from_slice(&row));
        }
        Ok(QueryRows::new(aggregation.schema.clone(), sorter.finish()))
    }
}

impl Aggregation {
    /// A row of the result.
    ///
    /// # Errors
    /// `Limit` if a sum does not fit.
    fn write(
        &self,
        found: Option<&Groups>,
        folds: &[Box<dyn Fold>],
        group: usize,
        out: &mut Vec<u8>,
    ) -> Result<Vec<bool>> {
        if let Some(groups) = found {
            groups.write(group, out);
        }
        let mut collisions = vec![false; self.fns.len()];
        for ((fun, fold), collides) in self.fns.iter().zip(folds).zip(&mut collisions) {
            let start = out.len();
            let place = |error: crate::error::Error| error.within(fun.field.name());
            if fold.write(group, out).map_err(place)? {
                *collides = fun.field.is_null(&out[start..]);
            } else {
                out.extend_from_slice(fun.field.null().unwrap_or_default());
            }
        }
        Ok(collisions)
    }
}

/// A thread at work.
struct Worker<'j, 't> {
    job: &'j Job<'t>,
    kernel: &'j Kernel,
    /// The filter of rows that may be among the first, once enough rows are known.
    bound: Option<Kernel>,
    sink: Sink<'j>,
    /// Memory that all threads use, and the part of this one.
    used: &'j AtomicUsize,
    counted: usize,
    picker: Picker,
}

impl Worker<'_, '_> {
    /// Reads a piece. Returns `false` if no more rows are wanted.
    fn piece(&mut self, piece: &Piece) -> Result<bool> {
        match &mut self.sink {
            Sink::Rows { runs, .. } => runs.push((piece.number, Vec::new())),
            Sink::Sorted { number, .. } => *number = piece.number,
            Sink::One { .. } | Sink::Grouped { .. } => {}
        }
        let reader = &self.job.reader;
        let width = reader.definition.schema.width();
        let everything = self.job.plan.filter.is_always();
        let mut number = piece.number;
        for leaf in reader.view.slices(piece.rows.clone()) {
            let leaf = leaf.map_err(|error| reader.in_table(error))?;
            self.job.time.check()?;
            for rows in leaf.chunks(BATCH_ROWS * width) {
                let batch = match &self.bound {
                    None if everything => Batch { rows, width, number, picked: Picked::All },
                    bound => self.picker.pick(bound.as_ref().unwrap_or(self.kernel), rows, width, number),
                };
                number += (rows.len() / width) as u64;
                if batch.len() > 0 && !(self.sink.take(&batch)? && self.narrow()) {
                    return Ok(false);
                }
            }
            self.count_memory()?;
        }
        Ok(true)
    }

    /// Skips rows that cannot be among the first ones of an order. Returns `false` if no row can.
    /// A thread takes pieces in the order of the rows, so a later row loses against an equal one.
    fn narrow(&mut self) -> bool {
        if let Sink::Sorted { sorter, .. } = &mut self.sink
            && let Some(bound) = sorter.new_bound()
        {
            let filter = Filter::and(vec![bound, self.job.plan.filter.clone()]);
            self.bound = Some(Kernel::new(&filter));
            return !filter.is_never();
        }
        true
    }

    fn count_memory(&mut self) -> Result<()> {
        let bytes = self.sink.bytes();
        if bytes == self.counted {
            return Ok(());
        }
        let before = self.used.fetch_add(bytes.wrapping_sub(self.counted), Ordering::Relaxed);
        let used = before.wrapping_add(bytes).wrapping_sub(self.counted);
        self.counted = bytes;
        if used > self.job.memory_bytes {
            bail!(
                Limit,
                "the result exceeds its limit of {} bytes of memory; limit it, stream it, or raise memory_bytes",
                self.job.memory_bytes
            );
        }
        Ok(())
    }
}

impl Sink<'_> {
    /// Takes the rows that passed. Returns `false` if no more are wanted.
    fn take(&mut self, batch: &Batch<'_>) -> Result<bool> {
        match self {
            Sink::Rows { projection, runs, left } => {
                let batch = batch.truncated(*left);
                *left -= batch.len();
                if let Some((_, run)) = runs.last_mut() {
                    batch.project(projection, run);
                }
                return Ok(*left > 0);
            }
            Sink::Sorted { projection, sorter, number } => batch.for_each(|row| {
                sorter.push(row, *number, |out| projection.write(row, out));
                *number += 1;
            }),
            Sink::One { folds } => folds.iter_mut().for_each(|fold| fold.take(batch)),
            Sink::Grouped { groups, folds } => {
                let before = groups.len();
                let (of_rows, groups) = groups.of_rows(batch)?;
                if groups > before {
                    folds.iter_mut().for_each(|fold| fold.grow(groups));
                }
                folds.iter_mut().for_each(|fold| fold.take_grouped(batch, of_rows));
            }
        }
        Ok(true)
    }

    fn bytes(&self) -> usize {
        let of_folds = |folds: &[Box<dyn Fold>]| folds.iter().map(|fold| fold.bytes()).sum::<usize>();
        match self {
            Sink::Rows { runs, .. } => runs.iter().map(|(_, run)| run.capacity()).sum(),
            Sink::Sorted { sorter, .. } => sorter.bytes(),
            Sink::One { folds } => of_folds(folds),
            Sink::Grouped { groups, folds } => groups.bytes() + of_folds(folds),
        }
    }
}
