//! `ParallelReader`: parses JSON on several threads.

use std::fmt;
use std::io::{self, Read, Write};
use std::sync::Arc;

use super::cutting::InBlocks;
use super::found::Block;
use super::line::JsonLines;
use super::read::{Given, Objects, Reader};
use crate::error::Result;
use crate::exchange::bad_lines::BadLines;
use crate::exchange::parallel_lines::{LineFormat, ParallelLines};
use crate::exchange::text_blocks::{BLOCK_BYTES, Ending};
use crate::load::RecordSource;
use crate::schema::Schema;

/// Reads JSON as a source of records, which other threads parse; from [`Reader::on_threads`].
/// Places are line numbers, or the numbers of elements.
pub struct ParallelReader<W = io::Sink>(ParallelLines<ObjectLines, W>);

/// How lines or elements become records.
struct ObjectLines {
    name: Box<str>,
    objects: Objects,
    has_elements: bool,
}

impl LineFormat for ObjectLines {
    type Block = Block;
    type Lines = (JsonLines<Ending>, Given);

    const THREADS: &str = "json parsing";

    fn schema(&self) -> &Schema {
        &self.objects.schema
    }

    fn lines(&self, block: Block, first: u64) -> Self::Lines {
        (JsonLines::of_block(&self.name, block, first), self.objects.none_given())
    }

    fn advance((lines, _): &mut Self::Lines) -> Result<bool> {
        lines.advance()
    }

    fn read_line(&self, (lines, given): &mut Self::Lines, record: &mut [u8]) -> bool {
        self.objects.read_line(lines, given, record).is_ok()
    }

    fn read_next<W: Write>(
        &self,
        (lines, given): &mut Self::Lines,
        bad_lines: &mut BadLines<W>,
        record: &mut [u8],
    ) -> Result<bool> {
        self.objects.read_next((lines, given), bad_lines, record)
    }

    fn number((lines, _): &Self::Lines) -> u64 {
        lines.number
    }

    fn next_number((lines, _): &Self::Lines) -> u64 {
        lines.number + 1
    }

    fn into_rest((lines, _): Self::Lines) -> Block {
        lines.into_rest()
    }
}

impl<W> fmt::Debug for ParallelReader<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ObjectLines { name, objects, .. } = &*self.0.format;
        write!(f, "json::ParallelReader({name:?}, {})", objects.schema)
    }
}

impl<R: Read, W: Write> Reader<R, W> {
    /// Parses on this many other threads while the caller takes the records; 0 means as many as
    /// there are processors. Records, errors, places and bad lines are the same, in the same order.
    ///
    /// Of a block with a bad line, that line and those after it are read by the caller. The ends of
    /// the elements of an array, and of objects over several lines, are found by one thread at a
    /// time. Memory: some MiB for each thread. If the system has no more threads, there are fewer;
    /// without any, the caller parses.
    ///
    /// ```
    /// use drystone::{Database, LoadOptions, Schema, json};
    ///
    /// let schema: Schema = "id: u64 key, delay: i16".parse()?;
    /// let db = Database::in_memory()?;
    /// let write = db.write()?;
    /// let mut flights = write.create_dyn_table("flights", &schema)?;
    /// let reader = json::Options::new().reader(&schema, &b"{\"id\": 7, \"delay\": -3}\n"[..])?;
    /// flights.load_from(&mut reader.on_threads(2), &LoadOptions::new())?;
    /// assert_eq!(flights.len(), 1);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn on_threads(self, threads: usize) -> ParallelReader<W>
    where
        R: Send + 'static,
    {
        ParallelReader::new(self, threads, BLOCK_BYTES)
    }
}

impl<W: Write> ParallelReader<W> {
    pub(super) fn new<R: Read + Send + 'static>(
        reader: Reader<R, W>,
        threads: usize,
        block_bytes: usize,
    ) -> ParallelReader<W> {
        let Reader { lines, objects, bad_lines, .. } = reader;
        let name = lines.name.clone();
        let InBlocks { blocks, before, has_elements } = lines.into_blocks(block_bytes);
        let format = Arc::new(ObjectLines { name, objects, has_elements });
        ParallelReader(ParallelLines::new(format, bad_lines, blocks, before, threads))
    }

    /// How many bad lines were skipped.
    pub fn bad_lines(&self) -> u64 {
        self.0.bad_lines.count
    }

    /// The schema of the records.
    pub fn schema(&self) -> &Schema {
        self.0.format.schema()
    }
}

impl<W: Write> RecordSource for ParallelReader<W> {
    fn next_record(&mut self, record: &mut [u8]) -> Result<bool> {
        self.next_records(record, record.len()).map(|records| records > 0)
    }

    fn next_records(&mut self, records: &mut [u8], width: usize) -> Result<usize> {
        self.0.next_records(records, width)
    }

    fn place(&self) -> u64 {
        self.0.number
    }

    fn describe(&self, place: u64) -> String {
        let what = if self.0.format.has_elements { "element" } else { "line" };
        format!("{what} {place} of {}", self.0.format.name)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::exchange::alike::{InPieces, Kept, everything};
    use crate::exchange::json::Options;
    use crate::exchange::threads::refusal;

    fn alike(
        text: &str,
        (threads, allowed): (usize, usize),
        block_bytes: usize,
        skip_bad: bool,
        fails: bool,
    ) {
        let schema: Schema = "id: u8, name: str[4] = \"none\"".parse().unwrap();
        let open = || {
            Options::new()
                .reader(&schema, InPieces::new(text.as_bytes(), 1 + block_bytes / 3, fails))
                .unwrap()
        };
        let (kept, kept_too) = (Kept::default(), Kept::default());
        let (one, many) = if skip_bad {
            let shared = open().skip_bad_to(kept_too.clone());
            let many = refusal::after(allowed, || ParallelReader::new(shared, threads, block_bytes));
            (everything(open().skip_bad_to(kept.clone()), 5), everything(many, 5))
        } else {
            let many = refusal::after(allowed, || ParallelReader::new(open(), threads, block_bytes));
            (everything(open(), 5), everything(many, 5))
        };
        let what = format!("{text:?}, {threads} threads, blocks of {block_bytes} bytes");
        assert_eq!(many, one, "{what}");
        assert_eq!(kept_too.bytes(), kept.bytes(), "{what}");
    }

    proptest! {
        #[test]
        fn threads_read_what_one_reads(
            lines in proptest::collection::vec(
                proptest::sample::select(vec![
                    r#"{"id": 1, "name": "a"}"#, r#"{"name": "\n\"", "id": 22}"#, r#"  {"id": 3}  "#, "", " \t",
                    r#"{"id": 400}"#, r#"{"id": "x"}"#, r#"{"id": 5, "id": 5}"#, r#"{"name": "long text"}"#, "7", "{",
                    r#"{"id": 6}{"id": 7}"#, r#"{"other": 1}"#, "\u{FEFF}{\"id\": 8}",
                ]),
                0..40,
            ),
            first in proptest::sample::select(vec!["", "\u{FEFF}", "\n \n", "[", "{\n", "x\n"]),
            line_break in proptest::sample::select(vec!["\n", "\r\n"]),
            end in proptest::sample::select(vec!["", r#"{"id": 9}"#, r#"{"id": "#]),
            threads in 1..4_usize,
            block_bytes in 1..80_usize,
            allowed in 0..4_usize,
            skip_bad: bool,
            fails: bool,
        ) {
            let text: String = lines.iter().map(|line| format!("{line}{line_break}")).collect();
            alike(&format!("{first}{text}{end}"), (threads, allowed), block_bytes, skip_bad, fails);
        }
    }

    proptest! {
        #[test]
        fn threads_read_the_elements_that_one_reads(
            elements in proptest::collection::vec(
                proptest::sample::select(vec![
                    r#"{"id": 1, "name": "a"}"#, "{\"id\":\n22,\r\n\"name\": \"}]\"}", r#"{"id": 400}"#, "{\"id\":\n\"x\"}",
                    r#"{"id": 5, "id": 5}"#, "7", "[{}]", r#""\"""#, r#"{"other": 1}"#, "{\"id\" 6}",
                ]),
                0..40,
            ),
            breaks in proptest::sample::select(vec![
                ("[", ",\n", "]"), ("[\n", " , ", "\n]\n"), ("\u{FEFF}\n [", ",", "]"), ("{\n\"id\": 9}", "", ""),
                ("{\n\"id\": 9}\n", "\n", "\n"), ("[", " ", "]"), ("[", ",,", "]"), ("[", ",", ""), ("[", ",", ",]"),
                ("[", ",", "] x"), ("[", ",\n", "{\"id\": 3"),
            ]),
            threads in 1..4_usize,
            block_bytes in 1..80_usize,
            allowed in 0..4_usize,
            skip_bad: bool,
            fails: bool,
        ) {
            let (before, between, behind) = breaks;
            let text = format!("{before}{}{behind}", elements.join(between));
            alike(&text, (threads, allowed), block_bytes, skip_bad, fails);
        }
    }

    #[test]
    fn an_input_may_fail_at_once() {
        for text in ["", "[", "{"] {
            alike(text, (2, 2), 8, false, true);
        }
        let schema: Schema = "id: u8".parse().unwrap();
        let input = InPieces::new(b"[{\"id\": 1}, {\"id", 4, true);
        let given = everything(Options::new().reader(&schema, input).unwrap().on_threads(2), 1);
        assert_eq!(given, ["1: [1]", "cannot read the JSON from element 2 on: unplugged"]);
    }

    #[test]
    fn a_reader_that_has_begun_goes_on_under_threads() {
        let schema: Schema = "id: u8".parse().unwrap();
        for text in ["{\"id\": 1}\n\n{\"id\": 2}\n{\"id\": 3}\n", "[{\"id\": 1},\n{\"id\": 2}, {\"id\": 3}]"]
        {
            let mut alone = Options::new().reader(&schema, text.as_bytes()).unwrap();
            let mut begun = Options::new().reader(&schema, text.as_bytes()).unwrap();
            assert!(alone.next_record(&mut [0]).unwrap() && begun.next_record(&mut [0]).unwrap());
            let begun = everything(begun.on_threads(2), 1);
            assert_eq!(begun, everything(alone, 1));
            assert_eq!(begun.len(), 2);
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_named() {
        let schema: Schema = "id: u8".parse().unwrap();
        let text = format!("{{\"id\": 1}}\n{}", "x".repeat(65 << 20)).into_bytes();
        let mut source = Options::new().reader(&schema, io::Cursor::new(text)).unwrap().on_threads(2);
        assert!(source.next_record(&mut [0]).unwrap());
        let error = source.next_record(&mut [0]).unwrap_err().to_string();
        assert_eq!(error, "line 2 of the JSON: longer than 64 MiB");
    }
}
