//! Cuts an input into parts that other threads parse: whole lines, or whole elements.

use std::io::{BufReader, Read};

use super::elements::LINE_BYTES;
use super::found::{Block, FoundElements};
use super::line::JsonLines;
use crate::exchange::text_blocks::{Cut, Cuts, cut};

/// An input in blocks.
pub(super) struct InBlocks {
    pub(super) blocks: Cuts<Block>,
    /// How many lines or elements come before the first block.
    pub(super) before: u64,
    pub(super) has_elements: bool,
}

impl<R: Read + Send + 'static> JsonLines<BufReader<R>> {
    /// Cuts what was not read yet into blocks of this many bytes, and a line or an element.
    pub(super) fn into_blocks(mut self, block_bytes: usize) -> InBlocks {
        let first = self.look();
        let has_elements = self.has_elements();
        let is_counted = matches!(first, Some(Ok(true) | Err(_)));
        // An input that fails at once has no first line.
        let before = self.number.saturating_sub(u64::from(is_counted));
        let blocks: Cuts<Block> = if has_elements {
            self.unlook(first);
            Box::new(move || self.next_elements(block_bytes))
        } else if let Some(Err(error)) = first {
            let mut failing = Some(Cut::Failing(Block::Elements(FoundElements::default().before(error))));
            Box::new(move || failing.take())
        } else {
            let text = self.into_text(matches!(first, Some(Ok(true))));
            let mut texts = cut(text, block_bytes, LINE_BYTES as usize, whole_lines);
            Box::new(move || {
                Some(match texts()? {
                    Cut::Block(text) => Cut::Block(Block::Lines(text)),
                    Cut::Failing(text) => Cut::Failing(Block::Lines(text)),
                })
            })
        };
        InBlocks { blocks, before, has_elements }
    }

    fn next_elements(&mut self, block_bytes: usize) -> Option<Cut<Block>> {
        let mut found = FoundElements::default();
        while found.bytes() < block_bytes {
            match self.advance() {
                Ok(true) => found.push(self.element(), self.line_number()),
                Ok(false) => break,
                Err(error) => return Some(Cut::Failing(Block::Elements(found.before(error)))),
            }
        }
        (!found.is_empty()).then_some(Cut::Block(Block::Elements(found)))
    }
}

/// No text has a line break in it.
fn whole_lines(text: Vec<u8>) -> (Vec<u8>, usize) {
    let end = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    (text, end)
}
