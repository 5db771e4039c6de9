//! The source of records of a bulk load.

use crate::error::Result;

/// A stream of records in stored form (packed, little-endian, in the layout of their schema).
///
/// [`TableMut::load`](crate::TableMut::load) makes one from any iterator of rows. The readers of
/// CSV and other formats are sources too. [`TableMut::load_from`](crate::TableMut::load_from) loads
/// from any source.
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
    /// Writes the next record into all bytes of `record`. Returns `false` at the end, and from then
    /// on.
    ///
    /// # Errors
    /// Anything that prevents the source from returning the record. It ends the load, and the table
    /// is unchanged.
    fn next_record(&mut self, record: &mut [u8]) -> Result<bool>;

    /// The place of the record returned last: its number counted from 1, or its line in a file.
    fn place(&self) -> u64;

    /// A place as text for messages: `record 7`, `line 7 of flights.csv`.
    fn describe(&self, place: u64) -> String {
        format!("record {place}")
    }

    /// How many records are left, if known. Only a hint: if it is right, the load finds a gap of
    /// the right size in the file.
    fn rows_hint(&self) -> Option<u64> {
        None
    }
}
