//! Look-ups by keys that are in stored form already: for bindings, which encode keys themselves.

use super::kind::Dyn;
use super::table::Table;
use crate::error::{Result, bail};
use crate::record::Row;

impl<'t> Table<'t, Dyn> {
    /// The row with a key that is given in stored form: the leading bytes of its record. In a table
    /// without a key, the number of the row as eight little-endian bytes. O(log n).
    ///
    /// ```
    /// # use drystone::{Database, Dyn, RowBuf, Schema, Value};
    /// # let schema: Schema = "id: u32 key, n: i32".parse()?;
    /// # let db = Database::in_memory()?;
    /// # let row = RowBuf::from_values(&schema, [7, 8])?;
    /// # db.update(|tx| tx.create_dyn_table("t", &schema)?.insert(&row))?;
    /// let table = db.table::<Dyn>("t")?;
    /// let row = table.as_table().get_stored(&7u32.to_le_bytes())?.unwrap();
    /// assert_eq!(row.get("n")?, 8);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Value` if it is not as many bytes as the key has; `Corrupt` if a page on the way does not
    /// match its checksum.
    #[inline]
    pub fn get_stored(&self, key: &[u8]) -> Result<Option<Row<'t>>> {
        let width = self.stored_key_width();
        if key.len() != width {
            bail!(Value, "a key of table {:?} has {width} bytes, not {}", self.name(), key.len());
        }
        self.reader().find(key)?.map(|record| Row::new(self.schema(), record)).transpose()
    }

    /// The records with these keys, which are given in stored form, side by side. `found` gets each
    /// record, or `None`, in the order of the keys. See [`get_many`](Table::get_many).
    ///
    /// ```
    /// # use drystone::{Database, Dyn, RowBuf, Schema};
    /// # let schema: Schema = "id: u32 key, n: i32".parse()?;
    /// # let db = Database::in_memory()?;
    /// # let row = RowBuf::from_values(&schema, [7, 8])?;
    /// # db.update(|tx| tx.create_dyn_table("t", &schema)?.insert(&row))?;
    /// let keys = [7_u32, 9].map(u32::to_le_bytes).concat();
    /// let mut found = Vec::new();
    /// db.table::<Dyn>("t")?.as_table().get_many_stored(&keys, |record| {
    ///     found.push(record.is_some());
    ///     Ok(())
    /// })?;
    /// assert_eq!(found, [true, false]);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`get_stored`](Table::get_stored), and what `found` returns.
    pub fn get_many_stored(
        &self,
        keys: &[u8],
        found: impl FnMut(Option<&'t [u8]>) -> Result<()>,
    ) -> Result<()> {
        let width = self.stored_key_width();
        if !keys.len().is_multiple_of(width) {
            bail!(Value, "{} bytes are not whole keys of table {:?}, of {width}", keys.len(), self.name());
        }
        self.reader().find_many(keys, found)
    }

    fn stored_key_width(&self) -> usize {
        if self.schema().is_keyed() { self.schema().key_width() } else { size_of::<u64>() }
    }
}
