//! Reads the lines of a CSV as records of a schema.

use std::fmt;
use std::io::{self, Read, Write};
use std::sync::Arc;

use super::Options;
use super::beginning::{Beginning, LIKE_ROW};
use super::line::Columns;
use super::parallel::ParallelReader;
use super::split::Lines;
use crate::error::{Error, Result};
use crate::exchange::bad_lines::BadLines;
use crate::exchange::columns::match_columns;
use crate::exchange::text_blocks::BLOCK_BYTES;
use crate::load::RecordSource;
use crate::schema::Schema;

/// Reads a CSV as a source of records; from [`Options::reader`]. Places are line numbers.
///
/// A malformed line is an error that names file, line, column, field, text and the expected type:
///
/// ```
/// use drystone::{RecordSource, Schema, csv};
///
/// let schema: Schema = "id: u64, delay: i16".parse()?;
/// let options = csv::Options::new().name("flights.csv");
/// let mut reader = options.reader(&schema, "id,delay\n7,late\n".as_bytes())?;
/// let error = reader.next_record(&mut vec![0; schema.width()]).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "line 2 of flights.csv, column 2: field \"delay\": \"late\" is not a valid i16: \
///      not a whole number"
/// );
/// # Ok::<(), drystone::Error>(())
/// ```
///
/// After an error, the next call continues with the next line.
pub struct Reader<R, W = io::Sink> {
    lines: Lines<R>,
    columns: Arc<Columns>,
    bad_lines: BadLines<W>,
    notes: Vec<String>,
}

impl<R, W> fmt::Debug for Reader<R, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "csv::Reader({:?}, {})", self.columns.options.common.name, self.columns.schema)
    }
}

impl<R: Read> Reader<R> {
    pub(super) fn new(options: &Options, schema: &Schema, input: R) -> Result<Reader<R>> {
        let (mut lines, beginning) = options.open(input, Some(schema))?;
        let Beginning { mut columns, header, is_like_row, ends_unnamed } = beginning;
        let names = columns.as_strs();
        // A last column without a name needs no field.
        let last = names.len() - usize::from(ends_unnamed);
        let is_left_out = ends_unnamed && schema.position(names[last]).is_none();
        let named = if is_left_out { &names[..last] } else { &names[..] };
        let common = &options.common;
        let listing = if options.has_header { "the header" } else { "the first line" };
        let matched = match_columns(&common.name, listing, common.ignore_unknown, schema, named);
        let matched = matched.map_err(|error| match is_like_row {
            true => Error::new(error.kind(), format!("{error}; {LIKE_ROW}")),
            false => error,
        })?;
        let unnamed = (is_left_out && !common.ignore_unknown).then_some(last);
        let fields: Box<[Option<u16>]> = matched.iter().copied().chain(is_left_out.then_some(None)).collect();
        let notes = std::mem::take(&mut columns.notes);
        let given = fields.iter().flatten().count();
        lines.keep_blank =
            matches!(*fields, [Some(only)] if schema.fields()[usize::from(only)].is_nullable());
        let columns = Columns {
            options: options.clone(),
            schema: schema.clone(),
            has_absent: given < schema.fields().len(),
            fields,
            unnamed,
        };
        let bad_lines = BadLines::new(options.skip_bad, header);
        Ok(Reader { lines, columns: Arc::new(columns), bad_lines, notes })
    }

    /// Skips bad lines, and writes them unchanged to `output`, after the header: to correct and
    /// load them later.
    ///
    /// Each line takes two or three small writes, so wrap a file in a `BufWriter`.
    ///
    /// ```
    /// use drystone::{RecordSource, Schema, csv};
    ///
    /// let schema: Schema = "id: u8".parse()?;
    /// let mut bad = Vec::new();
    /// let mut reader = csv::Options::new()
    ///     .reader(&schema, "id\n7\nseven\n8\n".as_bytes())?
    ///     .skip_bad_to(&mut bad);
    /// let (mut record, mut read) = ([0], Vec::new());
    /// while reader.next_record(&mut record)? {
    ///     read.push(record[0]);
    /// }
    /// assert_eq!((read, reader.bad_lines()), (vec![7, 8], 1));
    /// drop(reader);
    /// assert_eq!(bad, b"id\nseven\n");
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn skip_bad_to<W: Write>(self, output: W) -> Reader<R, W> {
        Reader {
            lines: self.lines,
            columns: self.columns,
            bad_lines: self.bad_lines.to(output),
            notes: self.notes,
        }
    }
}

impl<R: Read, W: Write> Reader<R, W> {
    /// How many bad lines were skipped.
    pub fn bad_lines(&self) -> u64 {
        self.bad_lines.count
    }

    /// Skips bad lines, and calls this for each of them. The error has its parts: `line`, `column`,
    /// `field`, `text` and `expected`. If the call fails, so does the reading.
    ///
    /// ```
    /// use std::sync::mpsc;
    ///
    /// use drystone::{RecordSource, Schema, csv};
    ///
    /// let schema: Schema = "id: u8".parse()?;
    /// let (sender, reasons) = mpsc::channel();
    /// let mut reader = csv::Options::new()
    ///     .reader(&schema, "id\n7\nseven\n".as_bytes())?
    ///     .explain_bad(move |error| {
    ///         let _ = sender.send((error.line(), error.text().map(str::to_owned)));
    ///         Ok(())
    ///     });
    /// while reader.next_record(&mut [0])? {}
    /// assert_eq!(reasons.recv(), Ok((Some(3), Some("seven".to_owned()))));
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn explain_bad(mut self, call: impl FnMut(&Error) -> Result<()> + Send + 'static) -> Reader<R, W> {
        self.bad_lines = self.bad_lines.explained(Box::new(call));
        self
    }

    /// What a person should know about how the input is read: a delimiter that was guessed, names
    /// that were made.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The schema of the records.
    pub fn schema(&self) -> &Schema {
        &self.columns.schema
    }

    /// Parses on this many other threads while the caller takes the records; 0 means as many as
    /// there are processors. Records, errors, places and bad lines are the same, in the same order.
    ///
    /// A block of lines is cut where no quote is open. Of a block with a bad line, that line and
    /// those after it are read by the caller. Memory: some MiB for each thread. If the system has
    /// no more threads, there are fewer; without any, the caller parses.
    ///
    /// ```
    /// use drystone::{Database, LoadOptions, Schema, csv};
    ///
    /// let schema: Schema = "id: u64 key, delay: i16".parse()?;
    /// let db = Database::in_memory()?;
    /// let write = db.write()?;
    /// let mut flights = write.create_dyn_table("flights", &schema)?;
    /// let reader = csv::Options::new().reader(&schema, "id,delay\n7,-3\n".as_bytes())?;
    /// flights.load_from(&mut reader.on_threads(2), &LoadOptions::new())?;
    /// assert_eq!(flights.len(), 1);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn on_threads(self, threads: usize) -> ParallelReader<W>
    where
        R: Send + 'static,
    {
        self.in_blocks(threads, BLOCK_BYTES)
    }

    pub(super) fn in_blocks(self, threads: usize, block_bytes: usize) -> ParallelReader<W>
    where
        R: Send + 'static,
    {
        let Reader { lines, columns, bad_lines, notes } = self;
        ParallelReader::new(lines, columns, bad_lines, notes, threads, block_bytes)
    }
}

impl<R: Read, W: Write> RecordSource for Reader<R, W> {
    fn next_record(&mut self, record: &mut [u8]) -> Result<bool> {
        if self.columns.read_next(&mut self.lines, &mut self.bad_lines, record)? {
            return Ok(true);
        }
        self.bad_lines.flush()?;
        Ok(false)
    }

    fn place(&self) -> u64 {
        self.lines.number()
    }

    fn describe(&self, place: u64) -> String {
        self.lines.describe(place)
    }
}
