//! `ParallelReader`: parses a CSV on several threads.

use std::fmt;
use std::io::{self, Read, Write};
use std::sync::Arc;

use super::line::Columns;
use super::split::Lines;
use crate::error::Result;
use crate::exchange::bad_lines::BadLines;
use crate::exchange::parallel_lines::{LineFormat, ParallelLines};
use crate::exchange::text_blocks::Ending;
use crate::load::RecordSource;
use crate::schema::Schema;

/// Reads a CSV as a source of records, which other threads parse; from
/// [`Reader::on_threads`](super::Reader::on_threads). Places are line numbers.
pub struct ParallelReader<W = io::Sink> {
    lines: ParallelLines<CsvLines, W>,
    notes: Vec<String>,
}

/// How lines are split, and how they become records.
struct CsvLines {
    columns: Arc<Columns>,
    alike: Lines<Ending>,
}

impl LineFormat for CsvLines {
    type Block = Ending;
    type Lines = Lines<Ending>;

    const THREADS: &str = "csv parsing";

    fn schema(&self) -> &Schema {
        &self.columns.schema
    }

    fn lines(&self, text: Ending, first: u64) -> Lines<Ending> {
        self.alike.alike(text, first)
    }

    fn advance(lines: &mut Lines<Ending>) -> Result<bool> {
        lines.advance()
    }

    fn read_line(&self, lines: &mut Lines<Ending>, record: &mut [u8]) -> bool {
        self.columns.read_line(lines, record).is_ok()
    }

    fn read_next<W: Write>(
        &self,
        lines: &mut Lines<Ending>,
        bad_lines: &mut BadLines<W>,
        record: &mut [u8],
    ) -> Result<bool> {
        self.columns.read_next(lines, bad_lines, record)
    }

    fn number(lines: &Lines<Ending>) -> u64 {
        lines.number()
    }

    fn next_number(lines: &Lines<Ending>) -> u64 {
        lines.next_number()
    }

    fn into_rest(lines: Lines<Ending>) -> Ending {
        let start = lines.start();
        Ending::of(lines.into_block().split_off(start))
    }
}

impl<W> fmt::Debug for ParallelReader<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CsvLines { columns, alike } = &*self.lines.format;
        write!(f, "csv::ParallelReader({:?}, {})", alike.name(), &columns.schema)
    }
}

impl<W: Write> ParallelReader<W> {
    pub(super) fn new<R: Read + Send + 'static>(
        lines: Lines<R>,
        columns: Arc<Columns>,
        bad_lines: BadLines<W>,
        notes: Vec<String>,
        threads: usize,
        block_bytes: usize,
    ) -> ParallelReader<W> {
        let lines_before = lines.next_number() - 1;
        let format = Arc::new(CsvLines { columns, alike: lines.alike(Ending::of(Vec::new()), 1) });
        let blocks = lines.into_blocks(block_bytes);
        ParallelReader { lines: ParallelLines::new(format, bad_lines, blocks, lines_before, threads), notes }
    }

    /// How many bad lines were skipped.
    pub fn bad_lines(&self) -> u64 {
        self.lines.bad_lines.count
    }

    /// What a person should know about how the input is read.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The schema of the records.
    pub fn schema(&self) -> &Schema {
        self.lines.format.schema()
    }
}

impl<W: Write> RecordSource for ParallelReader<W> {
    fn next_record(&mut self, record: &mut [u8]) -> Result<bool> {
        self.next_records(record, record.len()).map(|records| records > 0)
    }

    fn next_records(&mut self, records: &mut [u8], width: usize) -> Result<usize> {
        self.lines.next_records(records, width)
    }

    fn place(&self) -> u64 {
        self.lines.number
    }

    fn describe(&self, place: u64) -> String {
        self.lines.format.alike.describe(place)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::exchange::alike::{InPieces, Kept, everything};
    use crate::exchange::csv::Options;
    use crate::exchange::threads::refusal;

    fn alike(
        text: &str,
        (threads, allowed): (usize, usize),
        block_bytes: usize,
        skip_bad: bool,
        fails: bool,
    ) {
        let schema: Schema = "id: u8, name: str[4]".parse().unwrap();
        let options = Options::new().comment("#");
        let open = || options.reader(&schema, InPieces::new(text.as_bytes(), 1 + block_bytes / 3, fails));
        let (Ok(alone), Ok(shared)) = (open(), open()) else { return };
        let (kept, kept_too) = (Kept::default(), Kept::default());
        let (one, many) = if skip_bad {
            let shared = shared.skip_bad_to(kept_too.clone());
            let many = refusal::after(allowed, || shared.in_blocks(threads, block_bytes));
            (everything(alone.skip_bad_to(kept.clone()), 5), everything(many, 5))
        } else {
            let many = refusal::after(allowed, || shared.in_blocks(threads, block_bytes));
            (everything(alone, 5), everything(many, 5))
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
                    "1,a", "22,bb", "200,\"c\"", "3,\"d\nd\"", "4,\"\"\"\"", "\"5\",e", "# a \"comment", "", "x,y", "6",
                    "7,too long", "8,f\"", "9,\"a\"b", "\r", "10,\"\r\n\"",
                ]),
                0..40,
            ),
            line_break in proptest::sample::select(vec!["\n", "\r\n", "\r"]),
            end in proptest::sample::select(vec!["", "11,z", "12,\"open", "#"]),
            threads in 1..4_usize,
            block_bytes in 1..80_usize,
            allowed in 0..4_usize,
            skip_bad: bool,
            fails: bool,
        ) {
            let text: String = ["id,name"].iter().chain(&lines).map(|line| format!("{line}{line_break}")).collect();
            alike(&format!("{text}{end}"), (threads, allowed), block_bytes, skip_bad, fails);
        }
    }

    #[test]
    fn an_input_may_fail_between_two_blocks() {
        for (threads, allowed) in [(1, 0), (1, 1), (3, 3)] {
            (1..30)
                .for_each(|bytes| alike("id,name\n1,a\n2,b\n3,c\n", (threads, allowed), bytes, false, true));
        }
    }

    #[test]
    fn an_input_that_fails_or_panics_under_threads_is_noticed() {
        struct Fails(usize, fn() -> io::Result<usize>);
        impl Read for Fails {
            fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
                if self.0 == 0 {
                    return self.1();
                }
                self.0 -= 1;
                let text = if self.0 == 99_999 { b"id,name\n" } else { b"77,abcd\n" };
                into[..8].copy_from_slice(text);
                Ok(8)
            }
        }
        let schema: Schema = "id: u8, name: str[4]".parse().unwrap();
        let open = |fails| {
            let input = Fails(100_000, fails);
            Options::new().reader(&schema, input).unwrap().in_blocks(2, 4096)
        };
        let mut source = open(|| Err(io::Error::other("unplugged")));
        let mut rows = 0;
        let error = loop {
            match source.next_record(&mut [0; 5]) {
                Ok(more) => rows += usize::from(more),
                Err(error) => break error,
            }
        };
        assert!(error.to_string().contains("unplugged") && rows == 99_999, "{rows} rows, {error}");
        assert!(error.to_string().ends_with(&format!("from line {} on: unplugged", rows + 2)), "{error}");
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let mut source = open(|| panic!("this input panics"));
            while source.next_record(&mut [0; 5]).unwrap() {}
        }));
        assert!(panicked.is_err());
        // A reader that is dropped early leaves no thread that waits for ever.
        drop(open(|| Ok(0)));
    }
}
