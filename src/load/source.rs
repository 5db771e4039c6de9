//! Where a bulk load takes its records from.

use crate::error::Result;

/// A stream of records in stored form (packed, little-endian, as their schema lays them out).
///
/// [`TableMut::load`](crate::TableMut::load) makes one of any iterator of rows; a reader of CSV is
/// another, and [`TableMut::load_from`](crate::TableMut::load_from) takes any.
///
/// ```
/// use drystone::{Database, LoadOptions, RecordSource, Result, Schema};
///
/// /// The numbers 0 to 9 as records of one `u32`.
/// struct Numbers(u32);
///
/// impl RecordSource for Numbers {
///     fn next_record(&mut self, record: &mut [u8]) -> Result<bool> {
///         if self.0 == 10 {
///             return Ok(false);
///         }
///         record.copy_from_slice(&self.0.to_le_bytes());
///         self.0 += 1;
///         Ok(true)
///     }
///
///     fn place(&self) -> u64 {
///         self.0.into()
///     }
/// }
///
/// let schema: Schema = "number: u32".parse()?;
/// let db = Database::in_memory()?;
/// let write = db.write()?;
/// let mut table = write.create_dyn_table("numbers", &schema)?;
/// assert_eq!(table.load_from(&mut Numbers(0), &LoadOptions::new())?.rows, 10);
/// # Ok::<(), drystone::Error>(())
/// ```
pub trait RecordSource {
    /// Fills in the next record, all of it; `false` at the end, and then always.
    ///
    /// # Errors
    /// Whatever keeps the source from giving the record. The load ends there, and the table stays
    /// what it was.
    fn next_record(&mut self, record: &mut [u8]) -> Result<bool>;

    /// The number by which the source knows the record that it gave last: counted from 1, or a line
    /// of a file.
    fn place(&self) -> u64;

    /// How a person calls a place: `record 7`, `line 7 of flights.csv`.
    fn describe(&self, place: u64) -> String {
        format!("record {place}")
    }

    /// How many records are still to come, if that is known. Only a hint: where it is right, the
    /// load finds a gap in the file that it fits.
    fn rows_hint(&self) -> Option<u64> {
        None
    }
}
