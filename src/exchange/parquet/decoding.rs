//! `Decoding`: the row groups of a Parquet file, which threads decode. A row group is a job; one of
//! very many rows is cut into several.
//!
//! ```text
//! row groups --> threads --record batches--> threads --parts--> the caller, in order
//! ```

use std::collections::VecDeque;
use std::io::{Read, Seek};
use std::iter;
use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, SchemaRef};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::errors::Result as ParquetResult;

use super::input::Input;
use crate::exchange::arrow::guarded_all;
use crate::exchange::in_order::{InOrder, Step};

/// This many rows are decoded at a time.
const BATCH_ROWS: usize = 8192;
/// Records of this many bytes are decoded before the caller takes them, by all threads together.
const AHEAD_BYTES: usize = 64 << 20;
/// A row group of fewer rows is not cut. The pages at a cut are decompressed twice, and they often
/// have this many rows.
const LEAST_JOB_ROWS: usize = 1 << 17;

/// Which columns of a file are decoded.
pub(super) struct Decoding<R> {
    input: Input<R>,
    metadata: ArrowReaderMetadata,
    mask: ProjectionMask,
}

/// How threads share the work.
#[derive(Clone, Copy)]
pub(super) struct Sharing {
    /// With 1, the caller decodes.
    threads: usize,
    /// A job has about as many rows at most.
    job_rows: usize,
    /// How many parts of a job are kept until the caller takes them.
    ahead: usize,
}

impl Sharing {
    /// For this many threads, and records of this many bytes.
    pub(super) fn new(threads: usize, row_bytes: usize) -> Sharing {
        let rows = AHEAD_BYTES / threads / row_bytes.max(1);
        let job_rows = rows.clamp(LEAST_JOB_ROWS, 1 << 24);
        Sharing { threads, job_rows, ahead: (rows / BATCH_ROWS).clamp(1, job_rows / BATCH_ROWS) }
    }

    #[cfg(test)]
    pub(super) fn of_jobs(threads: usize, job_rows: usize, ahead: usize) -> Sharing {
        Sharing { threads, job_rows, ahead }
    }
}

/// Rows of a row group that one thread decodes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Job {
    group: usize,
    skipped: usize,
    /// Without a limit, all the rest.
    rows: Option<usize>,
}

impl<R: Read + Seek + Send + 'static> Decoding<R> {
    pub(super) fn new(input: Input<R>, metadata: ArrowReaderMetadata, mask: ProjectionMask) -> Decoding<R> {
        Decoding { input, metadata, mask }
    }

    /// The schema of the record batches.
    pub(super) fn schema(&self) -> ParquetResult<SchemaRef> {
        Ok(self.open(Vec::new(), 0, None)?.schema())
    }

    /// How many rows the file says it has.
    pub(super) fn rows(&self) -> Option<u64> {
        u64::try_from(self.metadata.metadata().file_metadata().num_rows()).ok()
    }

    /// About how many bytes a row has in memory.
    pub(super) fn row_bytes(&self) -> usize {
        let columns = self.metadata.parquet_schema().columns().iter().enumerate();
        let decoded = columns.filter(|(at, _)| self.mask.leaf_included(*at)).count();
        let groups = self.metadata.metadata().row_groups();
        let stored = groups.iter().map(|group| group.total_byte_size() / group.num_rows().max(1));
        // Texts in a dictionary have few bytes in the file.
        usize::try_from(stored.max().unwrap_or(0)).unwrap_or(0).max(16 * decoded)
    }

    fn open(
        &self,
        groups: Vec<usize>,
        skipped: usize,
        rows: Option<usize>,
    ) -> ParquetResult<ParquetRecordBatchReader> {
        let builder =
            ParquetRecordBatchReaderBuilder::new_with_metadata(self.input.clone(), self.metadata.clone())
                .with_projection(self.mask.clone())
                .with_batch_size(BATCH_ROWS)
                .with_row_groups(groups);
        let builder = if skipped > 0 { builder.with_offset(skipped) } else { builder };
        let builder = if let Some(rows) = rows { builder.with_limit(rows) } else { builder };
        builder.build()
    }

    /// The batches of a job, and perhaps an error behind them.
    fn batches(&self, job: Job) -> impl Iterator<Item = Result<RecordBatch, String>> + Send + use<R> {
        let mut opened = None;
        let decoding =
            Decoding { input: self.input.clone(), metadata: self.metadata.clone(), mask: self.mask.clone() };
        guarded_all(move || -> Result<_, ArrowError> {
            let reader = match &mut opened {
                Some(reader) => reader,
                none => none.insert(decoding.open(vec![job.group], job.skipped, job.rows)?),
            };
            reader.next().transpose()
        })
    }

    fn jobs(&self, sharing: Sharing) -> VecDeque<Job> {
        let groups = self.metadata.metadata().row_groups();
        let mut columns = self.metadata.parquet_schema().columns().iter().enumerate();
        // How many rows a page of lists has is known only when it is decoded, so skipping is slow.
        let any_list = columns.any(|(at, column)| self.mask.leaf_included(at) && column.max_rep_level() > 0);
        let mut jobs = VecDeque::new();
        for (group, metadata) in groups.iter().enumerate() {
            let rows = usize::try_from(metadata.num_rows()).unwrap_or(0);
            let is_cut = sharing.threads > 1 && !any_list && rows > sharing.job_rows / 2 * 3;
            let cuts = if is_cut { rows.div_ceil(sharing.job_rows) } else { 1 };
            // Batches are the same as without cuts.
            let each = rows.div_ceil(cuts).next_multiple_of(BATCH_ROWS);
            let mut skipped = 0;
            while is_cut && skipped + each < rows {
                jobs.push_back(Job { group, skipped, rows: Some(each) });
                skipped += each;
            }
            jobs.push_back(Job { group, skipped, rows: None });
        }
        jobs
    }

    /// What `convert` makes of each batch, or of the error in its place, in order. It runs in the
    /// threads, which start when the first part is asked for, and end when the iterator is dropped.
    pub(super) fn parts<P, I>(
        self,
        sharing: Sharing,
        convert: impl Fn(Result<RecordBatch, String>) -> I + Clone + Send + 'static,
    ) -> impl Iterator<Item = P> + Send
    where
        P: Send + 'static,
        I: Iterator<Item = P> + Send + 'static,
    {
        iter::once_with(move || {
            let mut jobs = self.jobs(sharing);
            let threads = if sharing.threads == 1 { 0 } else { sharing.threads.min(jobs.len()) };
            let decoding = Arc::new(self);
            let work = move |job| decoding.batches(job).flat_map(convert.clone());
            let theirs = work.clone();
            let jobs = Box::new(move || jobs.pop_front());
            let mut in_order =
                InOrder::new("parquet decoding", threads, sharing.ahead, jobs, move |job, give| {
                    theirs(job).all(give);
                });
            // The job that is done here, if no thread could be started.
            let mut here = None;
            iter::from_fn(move || {
                loop {
                    if let Some(part) = here.as_mut().and_then(Iterator::next) {
                        return Some(part);
                    }
                    here = None;
                    match in_order.next()? {
                        Step::Part(part) => return Some(part),
                        Step::JobEnd => {}
                        Step::Job(job) => here = Some(work(job)),
                    }
                }
            })
        })
        .flatten()
    }
}
