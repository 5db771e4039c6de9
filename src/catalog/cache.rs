//! `Definitions`: the definitions that snapshots of one state have looked up. Read transactions
//! share it, so that each table is looked up once per state.

use elsa::sync::FrozenMap;

use super::definition::Definition;
use crate::error::Result;
use crate::tree::LeafDirectory;

/// Definitions that stay at their address, so that tables and rows can borrow them as long as a
/// snapshot lives.
#[derive(Default)]
pub(crate) struct Definitions(FrozenMap<String, Box<Known>>);

/// A definition, and the directory of its tree in this state.
pub(crate) struct Known {
    pub(crate) definition: Definition,
    pub(crate) directory: LeafDirectory,
}

impl Definitions {
    /// The definition of this name. `find` looks it up if it is not known; several threads may do
    /// so at the same time.
    pub(crate) fn get(&self, name: &str, find: impl FnOnce() -> Result<Definition>) -> Result<&Known> {
        match self.0.get(name) {
            Some(known) => Ok(known),
            None => {
                let known = Known { definition: find()?, directory: LeafDirectory::default() };
                Ok(self.0.insert(name.to_owned(), Box::new(known)))
            }
        }
    }
}
