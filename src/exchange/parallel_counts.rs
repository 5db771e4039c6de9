//! `count`: counts what is in the lines of a text, on several threads. What it finds, and its
//! error, are those of one thread. Inference of CSV and JSON uses it.

use super::in_order::{InOrder, Step};
use super::text_blocks::{Cut, Cuts};
use super::threads;
use crate::error::Result;

/// What was seen of lines.
pub(super) trait Counts: Clone + Send + 'static {
    /// A part of the text.
    type Block: Send + 'static;

    /// The name of the threads.
    const THREADS: &str;

    /// Counts the lines of a block, of which the first has this number. Returns how many there are,
    /// and the whole block.
    fn add_block(&mut self, block: Self::Block, first: u64) -> (Result<u64>, Self::Block);

    /// Whether [`add`](Counts::add) does what `add_block` would do with the block of `later`.
    fn fits(&self, later: &Self) -> bool;

    /// Adds what was seen of a block whose lines were counted from 1, and before which this number
    /// of lines comes.
    fn add(&mut self, later: Self, before: u64);
}

/// What a thread says of its block.
enum BlockCounts<C: Counts> {
    Counted {
        counts: C,
        lines: u64,
        block: C::Block,
    },
    /// A line of it is bad, or it ends with an error.
    Uncounted(C::Block),
}

/// What is in these blocks, before which this number of lines comes. `nothing` is what is known of
/// no lines.
pub(super) fn count<C: Counts>(
    nothing: C,
    blocks: Cuts<C::Block>,
    mut before: u64,
    threads: usize,
) -> Result<C> {
    let mut counts = nothing.clone();
    let mut parts = InOrder::new(C::THREADS, threads::wanted(threads), 1, blocks, move |cut, give| {
        let part = match cut {
            Cut::Failing(block) => BlockCounts::Uncounted(block),
            Cut::Block(block) => {
                let mut counts = nothing.clone();
                match counts.add_block(block, 1) {
                    (Ok(lines), block) => BlockCounts::Counted { counts, lines, block },
                    (Err(_), block) => BlockCounts::Uncounted(block),
                }
            }
        };
        give(part);
    });
    while let Some(step) = parts.next() {
        let block = match step {
            Step::JobEnd => continue,
            Step::Part(BlockCounts::Counted { counts: later, lines, .. }) if counts.fits(&later) => {
                counts.add(later, before);
                before += lines;
                continue;
            }
            Step::Part(BlockCounts::Counted { block, .. } | BlockCounts::Uncounted(block)) => block,
            Step::Job(Cut::Block(block) | Cut::Failing(block)) => block,
        };
        before += counts.add_block(block, before + 1).0?;
    }
    Ok(counts)
}
