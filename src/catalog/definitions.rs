//! `Definitions`: what a transaction has looked up in the catalog, kept for as long as it lives.

use std::collections::HashMap;
use std::sync::OnceLock;

use parking_lot::Mutex;

use super::Definition;
use crate::error::{Result, fail};

/// The definitions that a transaction has looked up. They stay where they are, so that tables and rows can borrow them for as
/// long as the transaction lives.
#[derive(Default)]
pub(crate) struct Definitions {
    by_name: Mutex<HashMap<String, usize>>,
    /// Piece k holds 2^k definitions.
    pieces: [OnceLock<Box<[OnceLock<Definition>]>>; 32],
}

impl Definitions {
    /// The definition of this name; looked up once.
    pub(crate) fn get(&self, name: &str, find: impl FnOnce() -> Result<Definition>) -> Result<&Definition> {
        let mut by_name = self.by_name.lock();
        let index = match by_name.get(name) {
            Some(index) => *index,
            None => {
                let (index, definition) = (by_name.len(), find()?);
                let _ = self.slot(index).set(definition);
                by_name.insert(name.to_owned(), index);
                index
            }
        };
        match self.slot(index).get() {
            Some(definition) => Ok(definition),
            None => fail!(Usage, "table {name:?} was looked up by two threads at once; try again"),
        }
    }

    fn slot(&self, index: usize) -> &OnceLock<Definition> {
        let piece = (index + 1).ilog2();
        let slots =
            self.pieces[piece as usize].get_or_init(|| (0..1 << piece).map(|_| OnceLock::new()).collect());
        &slots[index + 1 - (1 << piece)]
    }
}
