//! `Definition`: what the catalog knows of one table or index. All rooms above pass it around.

use crate::error::Error;
use crate::page::TreeRoot;
use crate::schema::Schema;
use crate::tree::Layout;

/// A table or an index, as the catalog describes it.
#[derive(Clone, Debug)]
pub(crate) struct Definition {
    pub(crate) name: String,
    pub(crate) id: u32,
    /// The fields of a row. Those of an index entry are the indexed fields, then the other fields
    /// of the table's key.
    pub(crate) schema: Schema,
    pub(crate) layout: Layout,
    pub(crate) root: TreeRoot,
    pub(crate) role: Role,
}

/// Whether it is a table or an index.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    /// A table, with the number of its indexes.
    Table { indexes: u8 },
    /// An index: the number of its table, and how many fields are indexed.
    Index { table: u32, fields: u8, unique: bool },
}

impl Role {
    /// A table without indexes.
    pub(crate) const TABLE: Role = Role::Table { indexes: 0 };

    /// What it is called in messages.
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Role::Table { .. } => "table",
            Role::Index { .. } => "index",
        }
    }
}

impl Definition {
    pub(crate) fn is_table(&self) -> bool {
        matches!(self.role, Role::Table { .. })
    }

    /// Puts the name of the table or index before an error's message.
    #[cold]
    pub(crate) fn in_table(&self, error: Error) -> Error {
        if self.is_table() {
            return error.within_table(&self.name);
        }
        error.within(format!("{} {:?}", self.role.noun(), self.name))
    }

    /// Whether it is an index on this table.
    pub(crate) fn is_on(&self, table: &Definition) -> bool {
        matches!(self.role, Role::Index { table: number, .. } if number == table.id)
    }
}
