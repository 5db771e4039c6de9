//! `Decoding`: the row groups of a Parquet file, which threads decode. A row group is a job; one of
//! very many rows is cut into several. Where one of those fails, the caller decodes the group.

use std::collections::VecDeque;
use std::io::{Read, Seek};
use std::iter;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, SchemaRef};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder, RowSelector,
};
use parquet::column::page::PageReader;
use parquet::errors::Result as ParquetResult;
use parquet::file::serialized_reader::SerializedPageReader;

use super::input::Input;
use crate::exchange::arrow::{guarded, guarded_all};
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
#[derive(Clone)]
struct Job {
    group: usize,
    /// All, if the group is not cut.
    rows: Option<Range<usize>>,
    /// Whether the group ends with them.
    is_last: bool,
}

/// What a thread says of its job.
enum JobPart<P> {
    Part(P),
    /// Rows of the group from this one on are not as they should be. Only who decodes the group
    /// from its beginning finds the error that one thread finds.
    Failed(usize),
}

impl<R: Read + Seek + Send + 'static> Decoding<R> {
    pub(super) fn new(input: Input<R>, metadata: ArrowReaderMetadata, mask: ProjectionMask) -> Decoding<R> {
        Decoding { input, metadata, mask }
    }

    /// The schema of the record batches.
    pub(super) fn schema(&self) -> ParquetResult<SchemaRef> {
        Ok(self.open(Vec::new(), None)?.schema())
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
        rows: Option<Range<usize>>,
    ) -> ParquetResult<ParquetRecordBatchReader> {
        let builder =
            ParquetRecordBatchReaderBuilder::new_with_metadata(self.input.clone(), self.metadata.clone())
                .with_projection(self.mask.clone())
                .with_batch_size(BATCH_ROWS)
                .with_row_groups(groups);
        let Some(rows) = rows else { return builder.build() };
        let selected = vec![RowSelector::skip(rows.start), RowSelector::select(rows.len())];
        builder.with_row_selection(selected.into()).build()
    }

    /// The batches of rows of a group, or of all, and perhaps an error behind them.
    fn batches(
        &self,
        group: usize,
        rows: Option<Range<usize>>,
    ) -> impl Iterator<Item = Result<RecordBatch, String>> + Send + use<R> {
        let mut opened = None;
        let decoding =
            Decoding { input: self.input.clone(), metadata: self.metadata.clone(), mask: self.mask.clone() };
        guarded_all(move || -> Result<_, ArrowError> {
            let reader = match &mut opened {
                Some(reader) => reader,
                none => none.insert(decoding.open(vec![group], rows.clone())?),
            };
            reader.next().transpose()
        })
    }

    /// The batches of a group from this row on. The group is decoded from its beginning. It is an
    /// error if it does not have the rows that the file says: a page header may be damaged.
    fn batches_from(
        &self,
        group: usize,
        first: usize,
    ) -> impl Iterator<Item = Result<RecordBatch, String>> + Send + use<R> {
        let expected = self.group_rows(group);
        let (mut rows, mut has_ended) = (0, false);
        let mut batches = self.batches(group, None);
        let whole = iter::from_fn(move || {
            if has_ended {
                return None;
            }
            let batch = batches.next();
            if let Some(Ok(batch)) = &batch {
                rows += batch.num_rows();
            }
            has_ended = !matches!(batch, Some(Ok(_))) || rows > expected;
            match batch {
                Some(Err(_)) => batch,
                _ if has_ended && rows != expected => Some(Err(format!(
                    "row group {group} does not have the {expected} rows that the file says"
                ))),
                batch => batch,
            }
        });
        let mut skipped = first;
        whole.filter_map(move |batch| {
            let Ok(batch) = batch else { return Some(batch) };
            let skip = skipped.min(batch.num_rows());
            skipped -= skip;
            let left = batch.num_rows() - skip;
            (left > 0).then(|| Ok(batch.slice(skip, left)))
        })
    }

    /// How many rows the file says a group has.
    fn group_rows(&self, group: usize) -> usize {
        usize::try_from(self.metadata.metadata().row_group(group).num_rows()).unwrap_or(0)
    }

    /// Whether the pages of a group without lists have its rows, by their headers. Who skips a page
    /// goes by another number of its header than who decodes it, so where those differ, pieces of
    /// the group would have other rows than the whole.
    pub(super) fn has_sound_headers(&self, group: usize) -> ParquetResult<bool> {
        let metadata = self.metadata.metadata().row_group(group);
        let input = Arc::new(self.input.clone());
        for (at, column) in metadata.columns().iter().enumerate() {
            if !self.mask.leaf_included(at) {
                continue;
            }
            let mut rows = 0;
            let expected = self.group_rows(group);
            let mut pages = SerializedPageReader::new(Arc::clone(&input), column, expected, None)?;
            while let Some(page) = pages.peek_next_page()? {
                if !page.is_dict {
                    let Some(levels) = page.num_levels else { return Ok(false) };
                    if page.num_rows.is_some_and(|rows| rows != levels) {
                        return Ok(false);
                    }
                    rows += levels;
                }
                pages.skip_next_page()?;
            }
            if rows != expected {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Decodes a job, up to a row that is not as it should be. `give` returns whether more is
    /// wanted.
    fn decode<P, I: Iterator<Item = P>>(
        &self,
        job: Job,
        convert: impl Fn(Result<RecordBatch, String>) -> I,
        give: &mut dyn FnMut(JobPart<P>) -> bool,
    ) {
        let Some(mut rows) = job.rows else {
            let mut parts = self.batches_from(job.group, 0).flat_map(convert);
            parts.all(|part| give(JobPart::Part(part)));
            return;
        };
        if rows.start == 0 && guarded(|| self.has_sound_headers(job.group)) != Ok(true) {
            give(JobPart::Failed(0));
            return;
        }
        // Pages may have more rows than the file says: then one of these too many comes.
        let wanted = rows.start..rows.end + usize::from(job.is_last);
        for batch in self.batches(job.group, Some(wanted)) {
            let decoded = batch.as_ref().map_or(usize::MAX, RecordBatch::num_rows);
            if decoded > rows.len() {
                give(JobPart::Failed(rows.start));
                return;
            }
            if !convert(batch).all(|part| give(JobPart::Part(part))) {
                return;
            }
            rows.start += decoded;
        }
        if !rows.is_empty() {
            give(JobPart::Failed(rows.start));
        }
    }

    fn jobs(&self, sharing: Sharing) -> VecDeque<Job> {
        let mut columns = self.metadata.parquet_schema().columns().iter().enumerate();
        // How many rows a page of lists has is known only when it is decoded, so skipping is slow.
        let any_list = columns.any(|(at, column)| self.mask.leaf_included(at) && column.max_rep_level() > 0);
        let mut jobs = VecDeque::new();
        for group in 0..self.metadata.metadata().num_row_groups() {
            let rows = self.group_rows(group);
            let is_cut = sharing.threads > 1 && !any_list && rows > sharing.job_rows / 2 * 3;
            let cuts = if is_cut { rows.div_ceil(sharing.job_rows) } else { 1 };
            // Batches are the same as without cuts.
            let each = rows.div_ceil(cuts).next_multiple_of(BATCH_ROWS);
            let mut skipped = 0;
            while is_cut && skipped + each < rows {
                jobs.push_back(Job { group, rows: Some(skipped..skipped + each), is_last: false });
                skipped += each;
            }
            jobs.push_back(Job { group, rows: is_cut.then_some(skipped..rows), is_last: true });
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
            let mut begun = jobs.clone();
            let jobs = Box::new(move || jobs.pop_front());
            let (theirs, converted) = (Arc::clone(&decoding), convert.clone());
            let mut in_order =
                InOrder::new("parquet decoding", threads, sharing.ahead, jobs, move |job, give| {
                    theirs.decode(job, &converted, give);
                });
            // The group that is decoded here, because a thread failed or none could be started.
            // What threads say of it afterwards does not count.
            let mut group_here = None;
            let mut here = None;
            iter::from_fn(move || {
                loop {
                    if let Some(part) = here.as_mut().and_then(Iterator::next) {
                        return Some(part);
                    }
                    here = None;
                    let step = in_order.next()?;
                    let group = begun.front()?.group;
                    if let Step::JobEnd | Step::Job(_) = step {
                        begun.pop_front();
                    }
                    let first = match step {
                        _ if group_here == Some(group) => continue,
                        Step::JobEnd => continue,
                        Step::Part(JobPart::Part(part)) => return Some(part),
                        Step::Part(JobPart::Failed(row)) => row,
                        Step::Job(_) => 0,
                    };
                    group_here = Some(group);
                    here = Some(decoding.batches_from(group, first).flat_map(convert.clone()));
                }
            })
        })
        .flatten()
    }
}
