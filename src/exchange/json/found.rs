//! `Block`: a part of an input that one thread parses.

use crate::error::{Error, Result};
use crate::exchange::text_blocks::Ending;

/// A part of an input.
pub(super) enum Block {
    Lines(Ending),
    Elements(FoundElements),
}

/// Elements that were found in an input, and the error behind them.
#[derive(Default)]
pub(super) struct FoundElements {
    text: Vec<u8>,
    /// Where each ends in the text, and the line in which it begins.
    ends: Vec<(usize, u64)>,
    taken: usize,
    error: Option<Error>,
}

impl FoundElements {
    pub(super) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    pub(super) fn bytes(&self) -> usize {
        self.text.len()
    }

    /// The same, with this error behind them.
    pub(super) fn before(self, error: Error) -> FoundElements {
        FoundElements { error: Some(error), ..self }
    }

    /// Adds an element that begins in this line.
    pub(super) fn push(&mut self, element: &[u8], line: u64) {
        self.text.extend_from_slice(element);
        self.ends.push((self.text.len(), line));
    }

    /// Takes the next element. Returns `false` at the end, and counts no element there.
    pub(super) fn next(&mut self, out: &mut Vec<u8>) -> Result<bool> {
        let Some((end, _)) = self.ends.get(self.taken) else {
            return self.error.take().map_or(Ok(false), Err);
        };
        let start = self.taken.checked_sub(1).map_or(0, |before| self.ends[before].0);
        out.extend_from_slice(&self.text[start..*end]);
        self.taken += 1;
        Ok(true)
    }

    /// The same, of which none was taken.
    pub(super) fn rewound(self) -> FoundElements {
        FoundElements { taken: 0, ..self }
    }

    /// Makes the element that was taken last the next one.
    pub(super) fn untake(&mut self) {
        self.taken = self.taken.saturating_sub(1);
    }

    /// The line of the input in which the element begins that was taken last.
    pub(super) fn line(&self) -> u64 {
        self.taken.checked_sub(1).map_or(0, |last| self.ends[last].1)
    }
}
