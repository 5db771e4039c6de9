//! The source of records of a bulk load, and reading it in blocks.

use crate::error::{Result, bail};

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

    /// Writes the next records side by side into `records`, at most as many as fit, and returns how
    /// many. 0 at the end, and from then on. `width` is the bytes of a record, and `records` has
    /// room for at least one. The places of the records must be consecutive numbers.
    ///
    /// The default writes one. A source that is read without much work per record should write
    /// many: a sorted load of an iterator then takes half of the time.
    ///
    /// # Errors
    /// As for [`next_record`](RecordSource::next_record).
    fn next_records(&mut self, records: &mut [u8], width: usize) -> Result<usize> {
        self.next_record(&mut records[..width]).map(usize::from)
    }

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

/// Records of a source that were read together.
pub(super) struct Block {
    bytes: Vec<u8>,
    width: usize,
    /// How many of them are the present block.
    rows: usize,
}

/// The bytes of a block, if records are not longer.
const BLOCK_BYTES: usize = 64 << 10;

impl Block {
    /// A block for records of this width, which is not 0.
    pub(super) fn new(width: usize) -> Block {
        Block { bytes: vec![0; width * (BLOCK_BYTES / width).max(1)], width, rows: 0 }
    }

    /// Reads the next records, at most `most` of them. Returns `false` if no more come.
    pub(super) fn read(&mut self, source: &mut dyn RecordSource, most: usize) -> Result<bool> {
        let room = self.bytes.len().min(most.saturating_mul(self.width));
        self.rows = source.next_records(&mut self.bytes[..room], self.width)?;
        if self.rows > room / self.width {
            bail!(Usage, "a source says that it wrote {} records where {} fit", self.rows, room / self.width);
        }
        Ok(self.rows > 0)
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.rows * self.width]
    }

    /// The place of the first record, if the source has read nothing since.
    pub(super) fn first_place(&self, source: &dyn RecordSource) -> u64 {
        source.place().wrapping_sub(self.rows as u64).wrapping_add(1)
    }
}
