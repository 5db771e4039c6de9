//! The layouts of trees: those of the catalog itself, and those that follow from a schema.

use std::sync::LazyLock;

use super::fields::FieldRow;
use super::table_row::TableRow;
use crate::error::{Error, ErrorKind, Result, bail};
use crate::limits::{KEY_BYTES, NAME_BYTES};
use crate::order::Scalar;
use crate::schema::{FieldDef, Schema};
use crate::tree::{KeyShape, Layout};

static TABLES: LazyLock<Layout> = LazyLock::new(|| own_layout::<TableRow>(vec![Scalar::Bytes(NAME_BYTES)]));
static FIELDS: LazyLock<Layout> =
    LazyLock::new(|| own_layout::<FieldRow>(vec![Scalar::Unsigned(4), Scalar::Unsigned(2)]));

fn own_layout<T>(key: Vec<Scalar>) -> Layout {
    let key = KeyShape::new(key);
    let rows = Layout::default_leaf_rows(size_of::<T>(), key.width());
    match Layout::new(size_of::<T>(), key, rows) {
        Some(layout) => layout,
        None => unreachable!("the catalog's own records make a layout"),
    }
}

/// The layout of the tree that holds the tables.
pub(crate) fn tables_layout() -> &'static Layout {
    &TABLES
}

/// The layout of the tree that holds the fields.
pub(crate) fn fields_layout() -> &'static Layout {
    &FIELDS
}

/// The layout of a table's tree. If `leaf_rows` is 0, it is the default.
pub(crate) fn layout_for(schema: &Schema, leaf_rows: usize) -> Result<Layout> {
    layout_of(schema, schema.key_fields(), leaf_rows)
}

/// The layout of an index's tree. All fields of an entry are key.
pub(crate) fn entry_layout(schema: &Schema, leaf_rows: usize) -> Result<Layout> {
    if schema.width() > KEY_BYTES {
        bail!(
            Limit,
            "an entry of {} bytes is too wide: the fields of an index and the key of its table have at most {KEY_BYTES} bytes",
            schema.width()
        );
    }
    if let Some(array) = schema.fields().iter().find(|field| !field.ty().can_be_key()) {
        bail!(Schema, "field {:?}: an array cannot be indexed, as arrays have no order", array.name());
    }
    layout_of(schema, schema.fields(), leaf_rows)
}

fn layout_of(schema: &Schema, key: &[FieldDef], leaf_rows: usize) -> Result<Layout> {
    // An array cannot be part of a key: the schema was checked.
    let parts = key.iter().filter_map(|field| field.ty().scalar());
    let key = KeyShape::new(parts.collect());
    let rows =
        if leaf_rows == 0 { Layout::default_leaf_rows(schema.width(), key.width()) } else { leaf_rows };
    Layout::new(schema.width(), key, rows).ok_or_else(|| {
        Error::new(
            ErrorKind::Limit,
            format!(
                "a leaf of {rows} rows of {} bytes is outside the limits: choose rows that take 4,096 to {} bytes, and without a \
                 key a power of two",
                schema.width(),
                Layout::LEAF_LIMIT
            ),
        )
    })
}
