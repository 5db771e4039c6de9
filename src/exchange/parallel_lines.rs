//! `ParallelLines`: parses the lines of a text on several threads. What they give is what one
//! thread gives, in the same order. CSV and JSON use it.

use std::io::Write;
use std::sync::Arc;

use super::bad_lines::BadLines;
use super::in_order::{InOrder, Step};
use super::text_blocks::{Cut, Cuts};
use super::threads;
use crate::error::Result;
use crate::schema::Schema;

/// A text whose lines become records.
pub(super) trait LineFormat: Send + Sync + 'static {
    /// A part of the text.
    type Block: Send + 'static;
    /// The lines of such a part, and what was read of the present one.
    type Lines;

    /// The name of the threads.
    const THREADS: &str;

    fn schema(&self) -> &Schema;

    /// Lines of which the first has this number.
    fn lines(&self, block: Self::Block, first: u64) -> Self::Lines;

    /// Moves to the next line. Returns `false` if there is none.
    fn advance(lines: &mut Self::Lines) -> Result<bool>;

    /// Makes a record of the present line. Returns `false` if it is bad.
    fn read_line(&self, lines: &mut Self::Lines, record: &mut [u8]) -> bool;

    /// Reads the next line that is not bad. Returns `false` at the end.
    fn read_next<W: Write>(
        &self,
        lines: &mut Self::Lines,
        bad_lines: &mut BadLines<W>,
        record: &mut [u8],
    ) -> Result<bool>;

    /// The number of the present line, and of the next one.
    fn number(lines: &Self::Lines) -> u64;
    fn next_number(lines: &Self::Lines) -> u64;

    /// The part of the text from the present line on.
    fn into_rest(lines: Self::Lines) -> Self::Block;
}

/// Records from the lines of a text. `W` is where bad lines go.
pub(super) struct ParallelLines<F: LineFormat, W> {
    pub(super) format: Arc<F>,
    pub(super) bad_lines: BadLines<W>,
    blocks: InOrder<Cut<F::Block>, Part<F::Block>>,
    part: Records,
    taken: usize,
    /// Lines that are parsed here: the rest of a block with a bad line, the end of an input that
    /// fails, and all if no thread could be started.
    rest: Option<F::Lines>,
    /// How many lines come before the present block.
    lines_before: u64,
    /// The line of the last record.
    pub(super) number: u64,
}

/// What a thread says of its block. Lines are counted in the block, from 1.
enum Part<B> {
    Records(Records),
    /// The rest of the block, which begins with this line. The first one is bad, or it may end with
    /// an error.
    Rest(B, u64),
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

impl<F: LineFormat, W: Write> ParallelLines<F, W> {
    /// The records of these blocks, from the line after `lines_before` on, parsed by `threads`
    /// threads.
    pub(super) fn new(
        format: Arc<F>,
        bad_lines: BadLines<W>,
        blocks: Cuts<F::Block>,
        lines_before: u64,
        threads: usize,
    ) -> ParallelLines<F, W> {
        let parser = Arc::clone(&format);
        let blocks =
            InOrder::new(F::THREADS, threads::wanted(threads), 1, blocks, move |cut, give| match cut {
                Cut::Block(block) => drop(parse(&*parser, block, give)),
                Cut::Failing(block) => drop(give(Part::Rest(block, 1))),
            });
        let part = Records::default();
        ParallelLines {
            format,
            bad_lines,
            blocks,
            part,
            taken: 0,
            rest: None,
            lines_before,
            number: lines_before,
        }
    }

    /// Waits for the next part. Returns `false` at the end.
    fn advance(&mut self) -> bool {
        match self.blocks.next() {
            None => return false,
            Some(Step::JobEnd) => {}
            Some(Step::Part(Part::Records(records))) => (self.part, self.taken) = (records, 0),
            Some(Step::Part(Part::End(lines))) => self.lines_before += lines,
            Some(Step::Part(Part::Rest(block, line))) => self.read_here(block, line),
            Some(Step::Job(Cut::Block(block) | Cut::Failing(block))) => self.read_here(block, 1),
        }
        true
    }

    /// Reads lines of the present block, from this one on.
    fn read_here(&mut self, block: F::Block, line: u64) {
        self.rest = Some(self.format.lines(block, self.lines_before + line));
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

    /// As [`RecordSource::next_records`](crate::load::RecordSource::next_records).
    pub(super) fn next_records(&mut self, records: &mut [u8], width: usize) -> Result<usize> {
        self.format.schema().check_width(width)?;
        loop {
            if self.taken < self.part.bytes.len() {
                return Ok(self.take(records, width));
            }
            if let Some(lines) = &mut self.rest {
                if self.format.read_next(lines, &mut self.bad_lines, &mut records[..width])? {
                    self.number = F::number(lines);
                    return Ok(1);
                }
                self.lines_before = F::next_number(lines) - 1;
                self.rest = None;
            } else if !self.advance() {
                self.bad_lines.flush()?;
                return Ok(0);
            }
        }
    }
}

/// Parses one block, until no more of it is wanted. Returns whether more is.
fn parse<F: LineFormat>(format: &F, block: F::Block, give: &mut dyn FnMut(Part<F::Block>) -> bool) -> bool {
    let width = format.schema().width();
    let mut lines = format.lines(block, 1);
    let mut records = Records::default();
    let mut expected = None;
    loop {
        let is_read = F::advance(&mut lines);
        if let Ok(false) = is_read {
            break;
        }
        if records.bytes.len() + width > PART_BYTES && !records.bytes.is_empty() {
            if !give(Part::Records(std::mem::take(&mut records))) {
                return false;
            }
            expected = None;
        }
        let at = records.bytes.len();
        records.bytes.resize(at + width, 0);
        let number = F::number(&lines);
        if is_read.is_err() || !format.read_line(&mut lines, &mut records.bytes[at..]) {
            records.bytes.truncate(at);
            return (at == 0 || give(Part::Records(records)))
                && give(Part::Rest(F::into_rest(lines), number));
        }
        if expected != Some(number) {
            records.runs.push((at / width, number));
        }
        expected = Some(number + 1);
    }
    (records.bytes.is_empty() || give(Part::Records(records))) && give(Part::End(F::next_number(&lines) - 1))
}
