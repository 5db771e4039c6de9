//! `Definitions`: what was looked up in the catalog of one state, kept as long as a snapshot of that state is.

use elsa::sync::FrozenMap;

use super::definition::Definition;
use crate::error::Result;

/// The definitions that the snapshots of one state have looked up. They stay where they are, so that tables and
/// rows can borrow them for as long as a snapshot lives.
#[derive(Default)]
pub(crate) struct Definitions(FrozenMap<String, Box<Definition>>);

impl Definitions {
    /// The definition of this name; looked up once, or by each of several threads that look at the same time.
    pub(crate) fn get(&self, name: &str, find: impl FnOnce() -> Result<Definition>) -> Result<&Definition> {
        match self.0.get(name) {
            Some(definition) => Ok(definition),
            None => Ok(self.0.insert(name.to_owned(), Box::new(find()?))),
        }
    }
}
