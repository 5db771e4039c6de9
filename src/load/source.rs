//! Where a bulk load takes its records from.

use crate::error::Result;

/// A stream of records in stored form (packed, little-endian, as their schema lays them out).
///
/// `WriteTransaction::load` makes one of any iterator of typed records; a reader of CSV is another.
pub trait RecordSource {
    /// Fills in the next record, all of it; `false` at the end.
    ///
    /// # Errors
    /// Whatever keeps the source from giving the record. The load ends there, and the table stays what it was.
    fn next_record(&mut self, record: &mut [u8]) -> Result<bool>;

    /// The number by which the source knows the record that it gave last: counted from 1, or a line of a file.
    fn place(&self) -> u64;

    /// How a person calls a place: `record 7`, `line 7 of flights.csv`.
    fn describe(&self, place: u64) -> String {
        format!("record {place}")
    }

    /// How many records are still to come at most, if that is known.
    fn rows_hint(&self) -> Option<u64> {
        None
    }
}
