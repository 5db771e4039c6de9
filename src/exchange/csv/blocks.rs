//! Cuts CSV text into blocks of whole lines, so that several threads can parse them.

use std::io::{self, Read};

use super::split::{LINE_BYTES, Lines};

/// Bytes of a block: enough work for a thread that handing it over costs nothing.
pub(super) const BLOCK_BYTES: usize = 1 << 20;

/// The blocks of an input.
pub(super) struct Blocks<R> {
    input: R,
    /// Bytes that belong to the next block.
    rest: Vec<u8>,
    at_end: bool,
    /// How lines are read.
    lines: Lines<io::Empty>,
    block_bytes: usize,
}

/// Why there is no block.
pub(super) enum NoBlock {
    Unread(io::Error),
    /// A line is longer than a line may be.
    LongLine,
}

impl<R: Read> Blocks<R> {
    /// The blocks of what these lines have not read yet.
    pub(super) fn new(lines: Lines<R>, block_bytes: usize) -> Blocks<R> {
        let alike = lines.of_block(Vec::new(), 1);
        let (input, rest) = lines.into_rest();
        Blocks { input, rest, at_end: false, lines: alike, block_bytes }
    }

    /// The next block; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Vec<u8>>, NoBlock> {
        let mut block = std::mem::take(&mut self.rest);
        let mut wanted = self.block_bytes;
        loop {
            self.fill(&mut block, wanted).map_err(NoBlock::Unread)?;
            if self.at_end {
                return Ok((!block.is_empty()).then_some(block));
            }
            let end;
            (block, end) = self.whole_lines(block);
            if end > 0 {
                self.rest = block.split_off(end);
                return Ok(Some(block));
            }
            if block.len() >= LINE_BYTES {
                return Err(NoBlock::LongLine);
            }
            wanted = 2 * block.len();
        }
    }

    /// Reads until the block has this many bytes.
    fn fill(&mut self, block: &mut Vec<u8>, wanted: usize) -> io::Result<()> {
        let missing = wanted.saturating_sub(block.len());
        block.reserve_exact(missing);
        let read = self.input.by_ref().take(missing as u64).read_to_end(block)?;
        self.at_end = read < missing;
        Ok(())
    }

    /// How many bytes at the beginning of a block, which more bytes follow, are certainly whole
    /// lines.
    fn whole_lines(&self, block: Vec<u8>) -> (Vec<u8>, usize) {
        let last_break = block.iter().rposition(|byte| *byte == b'\n');
        if let Some(last_break) = last_break
            && !block.contains(&b'"')
        {
            return (block, last_break + 1);
        }
        // A break may be in quotes. The last line may go on behind the block.
        let mut lines = self.lines.of_block(block, 1);
        let mut last = None;
        while let Ok(true) = lines.advance() {
            last = Some(lines.start());
        }
        // Only comments and blank lines: quotes mean nothing there.
        let end = last.or(last_break.map(|at| at + 1)).unwrap_or(0);
        (lines.into_block(), end)
    }
}
