//! The rows of a query that neither sorts nor computes, one batch at a time, as they are read.

use std::ops::Range;

use super::batch::BATCH_ROWS;
use super::kernel::Kernel;
use super::pick::Picker;
use super::rows::QueryRows;
use crate::error::Result;
use crate::query::plan::access::Plan;
use crate::query::plan::job::Deadline;
use crate::query::plan::shape::Projection;
use crate::schema::Schema;
use crate::table::Reader;

/// A batch ends after this many rows were read for each row that it has room for, so that a caller
/// whose filter passes few rows gets the chance to stop.
const READ_FOR_EACH: u64 = 16;

/// Where a scan has got to. It borrows nothing: the reader is passed to each call.
pub(crate) struct Scan {
    projection: Projection,
    kernel: Kernel,
    picker: Picker,
    ranges: std::vec::IntoIter<Range<u64>>,
    /// What is left of the range that is being read.
    range: Range<u64>,
    batch_rows: u64,
    /// How many rows may still be returned.
    left: u64,
    time: Deadline,
}

impl Scan {
    pub(in crate::query) fn new(
        plan: Plan,
        projection: Projection,
        batch_rows: u64,
        limit: Option<u64>,
        time: Deadline,
    ) -> Scan {
        Scan {
            kernel: Kernel::new(&plan.filter),
            picker: Picker::new(),
            ranges: plan.rows.into_iter(),
            range: 0..0,
            left: limit.unwrap_or(u64::MAX),
            projection,
            batch_rows,
            time,
        }
    }

    pub(crate) fn schema(&self) -> &Schema {
        &self.projection.schema
    }

    /// The rows that pass among the next ones, perhaps none of them; `None` at the end.
    pub(crate) fn next(&mut self, reader: &Reader<'_>) -> Result<Option<QueryRows>> {
        let (mut bytes, mut read, mut left) = (Vec::new(), 0, self.batch_rows);
        let most = self.batch_rows.saturating_mul(READ_FOR_EACH);
        while self.left > 0 && left > 0 && read < most {
            if self.range.is_empty() {
                let Some(range) = self.ranges.next() else { break };
                self.range = range;
            }
            let (rows, is_full) = self.read(reader, most - read, &mut left, &mut bytes)?;
            read += rows;
            if is_full {
                break;
            }
        }
        Ok((read > 0).then(|| QueryRows::new(self.projection.schema.clone(), bytes)))
    }

    /// Reads at most about `most` rows of the range. Returns how many it read, and whether the next
    /// ones may not fit into the batch, in which `left` rows have room.
    fn read(
        &mut self,
        reader: &Reader<'_>,
        most: u64,
        left: &mut u64,
        bytes: &mut Vec<u8>,
    ) -> Result<(u64, bool)> {
        let width = reader.definition.schema.width();
        let step = usize::try_from(self.batch_rows).unwrap_or(BATCH_ROWS).min(BATCH_ROWS);
        let first = self.range.start;
        for leaf in reader.view.slices(self.range.clone()) {
            let leaf = leaf.map_err(|error| reader.in_table(error))?;
            self.time.check()?;
            for rows in leaf.chunks(step * width) {
                if ((rows.len() / width) as u64) > *left {
                    return Ok((self.range.start - first, true));
                }
                let batch = self.picker.pick(&self.kernel, rows, width, 0);
                let batch = batch.truncated(usize::try_from(self.left).unwrap_or(usize::MAX));
                self.range.start += (rows.len() / width) as u64;
                self.left -= batch.len() as u64;
                *left -= batch.len() as u64;
                batch.project(&self.projection, bytes);
            }
            if self.left == 0 || self.range.start - first >= most {
                break;
            }
        }
        Ok((self.range.start - first, false))
    }
}
