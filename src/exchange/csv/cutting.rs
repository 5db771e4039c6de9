//! Cuts a CSV into blocks of whole lines, which other threads read.

use std::io::Read;

use super::split::{LINE_BYTES, Lines};
use crate::exchange::text_blocks::{Cuts, Ending, cut};

impl<R: Read + Send + 'static> Lines<R> {
    /// Cuts what comes behind the present line into blocks of this many bytes, and a line.
    pub(super) fn into_blocks(self, block_bytes: usize) -> Cuts<Ending> {
        let alike = self.alike(Ending::of(Vec::new()), 1);
        cut(self.into_rest(), block_bytes, LINE_BYTES, move |text| whole_lines(&alike, text))
    }
}

/// How many bytes at the beginning of a text, which more bytes follow, are certainly whole lines.
/// Returns the text too.
fn whole_lines(alike: &Lines<Ending>, text: Vec<u8>) -> (Vec<u8>, usize) {
    let last_break = text.iter().rposition(|byte| *byte == b'\n');
    if let Some(last_break) = last_break
        && !text.contains(&b'"')
    {
        return (text, last_break + 1);
    }
    // A break may be in quotes. The last line may go on behind the text.
    let mut lines = alike.alike(Ending::of(text), 1);
    let mut last = None;
    while let Ok(true) = lines.advance() {
        last = Some(lines.start());
    }
    // Only comments and blank lines: quotes mean nothing there.
    let end = last.or(last_break.map(|at| at + 1)).unwrap_or(0);
    (lines.into_block(), end)
}
