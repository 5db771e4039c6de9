//! `ParallelReader`: parses a CSV on several threads.
//!
//! ```text
//! cutting thread --jobs--> parsing threads --parts--> the caller
//!       \'--------- the parts of each job, in order ---------^
//! ```

use std::fmt;
use std::io::{self, Read, Write};
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use super::blocks::{Blocks, NoBlock};
use super::line::Columns;
use super::split::Lines;
use crate::error::{Error, Result, bail};
use crate::exchange::bad_lines::BadLines;
use crate::load::RecordSource;
use crate::schema::Schema;

/// Reads a CSV as a source of records, which other threads parse; from
/// [`Reader::on_threads`](super::Reader::on_threads). Places are line numbers.
pub struct ParallelReader<W = io::Sink> {
    columns: Arc<Columns>,
    /// How lines are read.
    lines: Arc<Lines<io::Empty>>,
    bad_lines: BadLines<W>,
    notes: Vec<String>,
    blocks: Receiver<Cut>,
    /// The parts of the present block.
    parts: Option<Receiver<Part>>,
    part: Records,
    taken: usize,
    /// The rest of a block with a bad line.
    rest: Option<Lines<io::Empty>>,
    /// How many lines come before the present block.
    lines_before: u64,
    /// The line of the last record.
    number: u64,
    cutting: Option<JoinHandle<()>>,
}

/// What the cutting thread says, in order.
enum Cut {
    /// Here come the parts of the next block.
    Parts(Receiver<Part>),
    Failed(NoBlock),
    End,
}

/// What a parsing thread says of its block. Lines are counted in the block, from 1.
enum Part {
    Records(Records),
    /// The rest of the block, which begins with this line. The first one is bad.
    Rest(Vec<u8>, u64),
    /// The block ends, with this number of lines.
    End(u64),
}

/// Records that follow each other.
#[derive(Default)]
struct Records {
    bytes: Vec<u8>,
    /// From which row on the lines are counted from which number.
    runs: Vec<(usize, u64)>,
}

/// Records of this many bytes are handed over at a time. With long rows of short text they may be
/// many times as long as their text.
const PART_BYTES: usize = 1 << 20;

impl<W> fmt::Debug for ParallelReader<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "csv::ParallelReader({:?}, {})", self.lines.name(), &self.columns.schema)
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
    ) -> Result<ParallelReader<W>> {
        let lines_before = lines.next_number() - 1;
        let alike = lines.of_block(Vec::new(), 1);
        let blocks = Blocks::new(lines, block_bytes);
        let lines = alike;
        let threads = match threads {
            0 => thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        };
        let lines = Arc::new(lines);
        // Each thread has a block, and one waits for it.
        let (send_job, jobs) = sync_channel(threads);
        let (send_cut, cuts) = sync_channel(threads);
        let jobs = Arc::new(Mutex::new(jobs));
        for _ in 0..threads {
            let (jobs, columns, lines) = (Arc::clone(&jobs), Arc::clone(&columns), Arc::clone(&lines));
            start("csv parsing", move || parse_all(&jobs, &columns, &lines))?;
        }
        let cutting = start("csv cutting", move || cut_all(blocks, &send_job, &send_cut))?;
        Ok(ParallelReader {
            columns,
            lines,
            bad_lines,
            notes,
            blocks: cuts,
            parts: None,
            part: Records::default(),
            taken: 0,
            rest: None,
            lines_before,
            number: 0,
            cutting: Some(cutting),
        })
    }

    /// How many bad lines were skipped.
    pub fn bad_lines(&self) -> u64 {
        self.bad_lines.count
    }

    /// What a person should know about how the input is read.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The schema of the records.
    pub fn schema(&self) -> &Schema {
        &self.columns.schema
    }

    /// Waits for the next part. Returns `false` at the end.
    fn advance(&mut self) -> Result<bool> {
        let Some(parts) = &self.parts else {
            match self.blocks.recv() {
                Ok(Cut::Parts(parts)) => self.parts = Some(parts),
                Ok(Cut::Failed(why)) => {
                    let line = self.lines_before + 1;
                    return Err(match why {
                        NoBlock::LongLine => self.lines.too_long(line),
                        NoBlock::Unread(error) => self.lines.unread(line, error),
                    });
                }
                Ok(Cut::End) => {
                    self.cutting = None;
                    return Ok(false);
                }
                Err(_) => return self.ended_early(),
            }
            return Ok(true);
        };
        match parts.recv() {
            Ok(Part::Records(records)) => (self.part, self.taken) = (records, 0),
            Ok(Part::Rest(rest, line)) => {
                self.rest = Some(self.lines.of_block(rest, self.lines_before + line));
                self.parts = None;
            }
            Ok(Part::End(lines)) => {
                self.lines_before += lines;
                self.parts = None;
            }
            Err(_) => bail!(Io, "a thread that parses {} ended early", self.lines.name()),
        }
        Ok(true)
    }

    /// The cutting thread ended without a word: at the end that was told before, or by a panic of
    /// the input, which goes on here.
    #[cold]
    fn ended_early(&mut self) -> Result<bool> {
        match self.cutting.take().map(JoinHandle::join) {
            Some(Err(panic)) => resume_unwind(panic),
            _ => Ok(false),
        }
    }

    /// Copies records whose lines follow each other.
    fn take(&mut self, records: &mut [u8], width: usize) -> usize {
        let row = self.taken / width;
        let run = self.part.runs.partition_point(|(first, _)| *first <= row) - 1;
        let end = self.part.runs.get(run + 1).map_or(self.part.bytes.len(), |(first, _)| first * width);
        let bytes = (end - self.taken).min(records.len() / width * width);
        records[..bytes].copy_from_slice(&self.part.bytes[self.taken..][..bytes]);
        self.taken += bytes;
        let (first, line) = self.part.runs[run];
        let last = (self.taken / width - 1 - first) as u64;
        self.number = self.lines_before + line + last;
        bytes / width
    }
}

impl<W: Write> RecordSource for ParallelReader<W> {
    fn next_record(&mut self, record: &mut [u8]) -> Result<bool> {
        self.next_records(record, record.len()).map(|records| records > 0)
    }

    fn next_records(&mut self, records: &mut [u8], width: usize) -> Result<usize> {
        self.columns.schema.check_width(width)?;
        loop {
            if self.taken < self.part.bytes.len() {
                return Ok(self.take(records, width));
            }
            if let Some(lines) = &mut self.rest {
                if self.columns.read_next(lines, &mut self.bad_lines, &mut records[..width])? {
                    self.number = lines.number();
                    return Ok(1);
                }
                self.lines_before = lines.next_number() - 1;
                self.rest = None;
            } else if !self.advance()? {
                self.bad_lines.flush()?;
                return Ok(0);
            }
        }
    }

    fn place(&self) -> u64 {
        self.number
    }

    fn describe(&self, place: u64) -> String {
        self.lines.describe(place)
    }
}

fn start(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    let thread = thread::Builder::new().name(name.into()).spawn(work);
    thread.map_err(|error| Error::io("cannot start a thread to read a CSV", error))
}

/// A block, and who waits for its parts.
type Job = (Vec<u8>, SyncSender<Part>);

/// Cuts the input into blocks, until it ends or the reader is dropped.
fn cut_all<R: Read>(mut blocks: Blocks<R>, jobs: &SyncSender<Job>, cuts: &SyncSender<Cut>) {
    loop {
        let cut = match blocks.next() {
            Ok(Some(block)) => {
                let (parts, receiver) = sync_channel(1);
                if cuts.send(Cut::Parts(receiver)).is_err() || jobs.send((block, parts)).is_err() {
                    return;
                }
                continue;
            }
            Ok(None) => Cut::End,
            Err(why) => Cut::Failed(why),
        };
        // It fails if the reader was dropped.
        let _ = cuts.send(cut);
        return;
    }
}

/// Parses blocks, until no more come.
fn parse_all(jobs: &Mutex<Receiver<Job>>, columns: &Columns, lines: &Lines<io::Empty>) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((block, parts)) = job else { return };
        // It fails if the reader was dropped.
        let _ = parse(block, columns, lines, |part| parts.send(part));
    }
}

/// Parses one block.
fn parse<E>(
    block: Vec<u8>,
    columns: &Columns,
    lines: &Lines<io::Empty>,
    mut give: impl FnMut(Part) -> Result<(), E>,
) -> Result<(), E> {
    let width = columns.schema.width();
    let mut lines = lines.of_block(block, 1);
    let mut records = Records::default();
    let mut expected = None;
    loop {
        let is_read = lines.advance();
        if let Ok(false) = is_read {
            break;
        }
        if records.bytes.len() + width > PART_BYTES && !records.bytes.is_empty() {
            give(Part::Records(std::mem::take(&mut records)))?;
            expected = None;
        }
        let at = records.bytes.len();
        records.bytes.resize(at + width, 0);
        if is_read.is_err() || columns.read_line(&lines, &mut records.bytes[at..]).is_err() {
            records.bytes.truncate(at);
            if at > 0 {
                give(Part::Records(records))?;
            }
            let (line, start) = (lines.number(), lines.start());
            return give(Part::Rest(lines.into_block().split_off(start), line));
        }
        if expected != Some(lines.number()) {
            records.runs.push((at / width, lines.number()));
        }
        expected = Some(lines.number() + 1);
    }
    if !records.bytes.is_empty() {
        give(Part::Records(records))?;
    }
    give(Part::End(lines.next_number() - 1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::exchange::csv::Options;

    /// What a source gives: records and places, errors, and at last its bad lines.
    fn everything(mut source: impl RecordSource, bad_lines: &dyn Fn() -> Vec<u8>) -> (Vec<String>, Vec<u8>) {
        let mut given = Vec::new();
        let mut records = [0; 3 * 5];
        loop {
            match source.next_records(&mut records, 5) {
                Ok(0) => break,
                Ok(rows) => {
                    for (row, record) in records.chunks_exact(5).take(rows).enumerate() {
                        given.push(format!("{}: {record:?}", source.place() + 1 + row as u64 - rows as u64));
                    }
                }
                Err(error) => given.push(error.to_string()),
            }
        }
        drop(source);
        (given, bad_lines())
    }

    /// Where bad lines go.
    #[derive(Clone, Default)]
    struct Kept(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

    impl io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn alike(text: &str, threads: usize, block_bytes: usize, skip_bad: bool) {
        let schema: Schema = "id: u8, name: str[4]".parse().unwrap();
        let options = Options::new().comment("#");
        let open = || options.reader(&schema, io::Cursor::new(text.as_bytes().to_vec())).unwrap();
        let (one, many) = if skip_bad {
            let (one, many) = (Kept::default(), Kept::default());
            let bad = |kept: &Kept| kept.0.lock().unwrap().clone();
            let parallel = open().skip_bad_to(many.clone()).in_blocks(threads, block_bytes).unwrap();
            (everything(open().skip_bad_to(one.clone()), &|| bad(&one)), everything(parallel, &|| bad(&many)))
        } else {
            let parallel = open().in_blocks(threads, block_bytes).unwrap();
            (everything(open(), &Vec::new), everything(parallel, &Vec::new))
        };
        assert_eq!(many, one, "{text:?}, {threads} threads, blocks of {block_bytes} bytes");
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
            skip_bad: bool,
        ) {
            let text: String = ["id,name"].iter().chain(&lines).map(|line| format!("{line}{line_break}")).collect();
            alike(&format!("{text}{end}"), threads, block_bytes, skip_bad);
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
            Options::new().reader(&schema, input).unwrap().in_blocks(2, 4096).unwrap()
        };
        let mut source = open(|| Err(io::Error::other("unplugged")));
        let mut rows = 0;
        let error = loop {
            match source.next_record(&mut [0; 5]) {
                Ok(more) => rows += usize::from(more),
                Err(error) => break error,
            }
        };
        assert!(error.to_string().contains("unplugged") && rows > 90_000, "{rows} rows, {error}");
        assert!(!source.next_record(&mut [0; 5]).unwrap());
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let mut source = open(|| panic!("this input panics"));
            while source.next_record(&mut [0; 5]).unwrap() {}
        }));
        assert!(panicked.is_err());
        // A reader that is dropped early leaves no thread that waits for ever.
        drop(open(|| Ok(0)));
    }
}
