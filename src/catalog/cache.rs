//! `Definitions`: the definitions that snapshots of one state have looked up. Read transactions
//! share it, so that each table is looked up once per state.

use elsa::sync::FrozenMap;

use super::definition::Definition;
use crate::error::Result;

/// Definitions that stay at their address, so that tables and rows can borrow them as long as a
/// snapshot lives.
#[derive(Default)]
pub(crate) struct Definitions(FrozenMap<String, Box<Definition>>);

impl Definitions {
    /// The definition of this name. `find` looks it up if it is not known; several threads may do
    /// so at the same time.
    pub(crate) fn get(&self, name: &str, find: impl FnOnce() -> Result<Definition>) -> Result<&Definition> {
        match self.0.get(name) {
            Some(definition) => Ok(definition),
            None => Ok(self.0.insert(name.to_owned(), Box::new(find()?))),
        }
    }
}
