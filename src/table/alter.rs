//! Giving a table another schema: its rows stay as they are or are converted one by one, and the
//! indexes follow. Part of `TableWriter`. An error or a panic of the conversion leaves the table as
//! it was.

use std::iter::Fuse;
use std::path::Path;
use std::sync::Arc;

use super::entry::entry_schema;
use super::index_writer::{IndexWriter, RowsToIndex};
use super::reader::describe_key;
use super::writer::TableWriter;
use crate::catalog::{Definition, Role, entry_layout, field_rows, layout_for};
use crate::error::{Error, ErrorKind, Result};
use crate::load::{DuplicateWords, LoadOptions, LoadTarget, Loaded, RecordSource, load};
use crate::schema::{FieldDef, Schema};
use crate::tree::{Slices, TreeWriter, View};

/// The new definitions of a table and its indexes.
pub(crate) struct NewShape {
    definition: Definition,
    /// The indexes in the order of the table, and whether their entries stay.
    indexes: Vec<(Definition, bool)>,
}

/// What happens to the entries of indexes.
#[derive(Clone, Copy)]
pub(crate) enum Entries {
    /// Rows and entries keep their bytes.
    Stay,
    /// Entries are rebuilt if the bytes of one of their fields change.
    Follow,
    /// Entries are rebuilt.
    Rebuild,
}

/// Writes a row of the new shape from one of the old shape.
pub(crate) type Convert<'c> = &'c mut dyn FnMut(&[u8], &mut [u8]) -> Result<()>;

/// Writes a table or an index to the catalog. Receives the old and the new definition.
pub(crate) type Enter<'e> = &'e mut dyn FnMut(&Definition, &Definition) -> Result<()>;

impl TableWriter {
    /// The names of the indexed fields of an index.
    pub(crate) fn indexed(index: &Definition) -> impl Iterator<Item = &str> {
        let fields = if let Role::Index { fields, .. } = index.role { fields } else { 0 };
        index.schema.fields().iter().take(fields.into()).map(FieldDef::name)
    }

    /// The new definitions of the table and its indexes, with this schema. `renamed` has the old
    /// and the new name of a field. A leaf size that was chosen is kept if the new rows allow it.
    pub(crate) fn shape(
        &self,
        schema: &Schema,
        entries: Entries,
        renamed: Option<(&str, &str)>,
    ) -> Result<NewShape> {
        let old = &self.definition;
        let chosen = old.layout.leaf_rows();
        let is_default = chosen == layout_for(&old.schema, 0)?.leaf_rows();
        let layout = match entries {
            Entries::Stay => layout_for(schema, chosen)?,
            _ if is_default => layout_for(schema, 0)?,
            _ => layout_for(schema, chosen).or_else(|_| layout_for(schema, 0))?,
        };
        let definition = Definition { schema: schema.clone(), layout, ..old.clone() };
        field_rows(&definition, 0)?;
        let new_name = |name| match renamed {
            Some((old, new)) if old == name => new,
            _ => name,
        };
        let (mut indexes, mut refused) = (Vec::new(), Vec::new());
        for index in self.indexes() {
            let names: Vec<&str> = TableWriter::indexed(index).map(new_name).collect();
            let entry = entry_schema(schema, &names);
            match entry.and_then(|entry| new_index(index, &entry, entries, schema.is_keyed())) {
                Ok(index) => indexes.push(index),
                Err(error) => refused.push(format!("index {:?} cannot be kept: {error}", index.name)),
            }
        }
        if !refused.is_empty() {
            let message = format!("{}; drop what cannot be kept first, with drop_index", refused.join("; "));
            return Err(Error::new(ErrorKind::Schema, message));
        }
        Ok(NewShape { definition, indexes })
    }

    /// Gives the table a shape in which rows and entries keep their bytes. O(1).
    pub(crate) fn relabel(&mut self, shape: NewShape, enter: Enter<'_>) -> Result<()> {
        Arc::clone(self.tree.session()).all_or_none(|| {
            let old = std::mem::replace(&mut self.definition, shape.definition);
            enter(&old, &self.definition)?;
            for (index, (definition, _)) in self.indexes.iter_mut().zip(shape.indexes) {
                let old = std::mem::replace(&mut index.definition, definition);
                enter(&old, &index.definition)?;
                index.reshape(&self.definition)?;
            }
            Ok(())
        })
    }

    /// Calls `look` with each row until it fails. The error names the row.
    pub(crate) fn each_row(&self, look: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let look = &mut |row: &[u8], _: &mut [u8]| look(row);
        let mut rows = OldRows::new(&self.definition, self.view(), look);
        while rows.next_record(&mut [])? {}
        Ok(())
    }

    /// Gives the table a shape whose rows are the results of `convert`, sorted by their new key.
    /// All trees are built first, and then replace the old ones.
    pub(crate) fn rebuild(
        &mut self,
        shape: NewShape,
        convert: Convert<'_>,
        (scratch, options): (&Path, &LoadOptions),
        enter: Enter<'_>,
    ) -> Result<()> {
        let mut tree = self.convert_rows(&shape.definition, convert, (scratch, options))?;
        let indexes = match build_indexes(&shape, &tree, (scratch, options)) {
            Ok(indexes) => indexes,
            Err(error) => {
                tree.clear()?;
                return Err(error);
            }
        };
        Arc::clone(self.tree.session()).all_or_none(|| {
            self.tree.clear()?;
            self.tree = tree;
            // The catalog has no root for it until the tree is flushed.
            let definition = Definition { root: Default::default(), ..shape.definition };
            let old = std::mem::replace(&mut self.definition, definition);
            enter(&old, &self.definition)?;
            let new = shape.indexes.into_iter().zip(indexes);
            for (index, ((definition, _), rebuilt)) in self.indexes.iter_mut().zip(new) {
                let old = match rebuilt {
                    Some(rebuilt) => {
                        index.clear()?;
                        std::mem::replace(index, rebuilt).definition
                    }
                    None => std::mem::replace(&mut index.definition, definition),
                };
                enter(&old, &index.definition)?;
                index.reshape(&self.definition)?;
            }
            Ok(())
        })
    }

    /// Builds a tree of the converted rows.
    fn convert_rows(
        &self,
        new: &Definition,
        convert: Convert<'_>,
        (scratch, options): (&Path, &LoadOptions),
    ) -> Result<TreeWriter> {
        let mut source = OldRows::new(&self.definition, self.view(), convert);
        let mut tree = TreeWriter::empty(self.tree.session(), new.layout.clone());
        let words = DuplicateWords {
            describe_key: &|record| describe_key(new, record),
            way_out: "the rows must have different keys; remove one, or choose another key",
        };
        let (replaced_rows, scratch) = (self.rows(), scratch.to_owned());
        let target = LoadTarget { tree: &mut tree, replaced_rows, scratch, words };
        let root = match load(target, &mut source, options)?.0 {
            Loaded::Tree { root, .. } => root,
            Loaded::Few(_) | Loaded::Appended => tree.flush()?,
        };
        let mut tree = TreeWriter::empty(self.tree.session(), new.layout.clone());
        tree.replace(root)?;
        Ok(tree)
    }
}

/// The new definition of an index with these entries, and whether the old entries can stay.
fn new_index(
    old: &Definition,
    entry: &Schema,
    entries: Entries,
    is_keyed: bool,
) -> Result<(Definition, bool)> {
    let (from, to) = (old.schema.fields(), entry.fields());
    let stays = match entries {
        Entries::Stay => true,
        Entries::Rebuild => false,
        Entries::Follow => {
            // Without a key, the last field is the number of the row, and its name does not matter.
            let named = to.len() - usize::from(!is_keyed);
            from.len() == to.len()
                && from.iter().zip(to).all(|(from, to)| from.has_same_bytes(to))
                && from.iter().zip(to).take(named).all(|(from, to)| from.name() == to.name())
        }
    };
    let leaf_rows = if stays { old.layout.leaf_rows() } else { 0 };
    let definition =
        Definition { schema: entry.clone(), layout: entry_layout(entry, leaf_rows)?, ..old.clone() };
    field_rows(&definition, 0)?;
    Ok((definition, stays))
}

/// Builds the indexes whose entries do not stay. After an error, none of them is left.
fn build_indexes(
    shape: &NewShape,
    tree: &TreeWriter,
    (scratch, options): (&Path, &LoadOptions),
) -> Result<Vec<Option<IndexWriter>>> {
    let mut built: Vec<Option<IndexWriter>> = Vec::new();
    for (definition, stays) in &shape.indexes {
        if *stays {
            built.push(None);
            continue;
        }
        let empty = Definition { root: Default::default(), ..definition.clone() };
        let index = IndexWriter::new(tree.session(), &shape.definition, empty).and_then(|mut index| {
            let name = &shape.definition.name;
            let root = index.build(name, RowsToIndex::All(tree), scratch, options)?;
            index.replace(root).map(|()| index)
        });
        match index {
            Ok(index) => built.push(Some(index)),
            Err(error) => {
                built.iter_mut().flatten().try_for_each(|index| index.clear())?;
                return Err(error);
            }
        }
    }
    Ok(built)
}

/// The rows of a table, converted, as the source of a load.
struct OldRows<'s, 'c> {
    definition: &'s Definition,
    view: View<'s>,
    slices: Fuse<Slices<'s>>,
    /// The rest of the current slice.
    slice: &'s [u8],
    /// The number of rows that were converted.
    done: u64,
    convert: Convert<'c>,
}

impl<'s, 'c> OldRows<'s, 'c> {
    fn new(definition: &'s Definition, view: View<'s>, convert: Convert<'c>) -> OldRows<'s, 'c> {
        let slices = view.slices(0..view.rows()).fuse();
        OldRows { definition, view, slices, slice: &[], done: 0, convert }
    }

    fn describe_row(&self, number: u64, record: &[u8]) -> String {
        match self.definition.schema.is_keyed() {
            true => format!("row {}", describe_key(self.definition, record)),
            false => format!("row {number}"),
        }
    }
}

impl RecordSource for OldRows<'_, '_> {
    fn next_record(&mut self, record: &mut [u8]) -> Result<bool> {
        if self.slice.is_empty() {
            match self.slices.next() {
                Some(slice) => self.slice = slice?,
                None => return Ok(false),
            }
        }
        let (old, rest) = self.slice.split_at(self.definition.layout.width());
        (self.convert)(old, record).map_err(|error| error.within(self.describe_row(self.done, old)))?;
        self.slice = rest;
        self.done += 1;
        Ok(true)
    }

    fn place(&self) -> u64 {
        self.done
    }

    fn describe(&self, place: u64) -> String {
        let number = place.saturating_sub(1);
        match self.view.record(number) {
            Ok(Some(record)) => self.describe_row(number, record),
            _ => format!("row {number}"),
        }
    }

    fn rows_hint(&self) -> Option<u64> {
        Some(self.view.rows() - self.done)
    }
}
