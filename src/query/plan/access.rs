//! The planner: which rows are read, and what is tested of each. It turns the filter into ranges of
//! the tree, and leaves the choice of an index to `indexes.rs`.
//!
//! A predicate is split at its outermost `and`s. Conditions on the leading fields of the key become
//! ranges of the tree: single values first, then one range. Rows of these ranges need not be tested
//! for them. The rest is the filter.

use std::fmt;
use std::ops::{Bound, Range};

use super::domain;
use super::filter::Filter;
use super::ranges::{Ranges, last_before};
use crate::error::Result;
use crate::order::{Scalar, first_equal, last_equal, ordinal_f32, ordinal_f64};
use crate::query::ask::column::Place;
use crate::schema::FieldDef;
use crate::table::Reader;

/// Above this number of ranges, the look-ups cost more than they save.
const MOST_RANGES: usize = 64;

/// Which rows are read, and the filter that each must pass.
pub(in crate::query) struct Plan {
    pub(in crate::query) access: Access,
    /// Row numbers as ranges, in order and disjoint.
    pub(in crate::query) rows: Vec<Range<u64>>,
    pub(in crate::query) filter: Filter,
}

/// How the rows are found.
pub(in crate::query) enum Access {
    /// Every row is read.
    Scan,
    /// No row can pass.
    Nothing,
    /// Ranges of the tree, by this many leading fields of the key.
    Key(Vec<String>),
    /// The rows that an index finds, by this many of its leading fields.
    Index { name: String, fields: Vec<String> },
    /// The entries of an index instead of rows, in ranges by this many of its leading fields.
    Entries { name: String, fields: Vec<String> },
}

impl Plan {
    pub(in crate::query) fn new(reader: &Reader<'_>, filter: Filter) -> Result<Plan> {
        if filter.is_never() {
            return Ok(Plan { access: Access::Nothing, rows: Vec::new(), filter });
        }
        let everything = 0..reader.rows();
        let mut conjuncts = if let Filter::And(parts) = filter { parts } else { vec![filter] };
        let keys = KeyRanges::of(reader.definition.schema.key_fields(), &mut conjuncts);
        let (access, rows) = if keys.fields.is_empty() {
            (Access::Scan, vec![everything])
        } else {
            let rows = keys.rows(reader)?;
            (Access::Key(keys.fields), rows)
        };
        let rows = rows.into_iter().filter(|range| !range.is_empty()).collect();
        Ok(Plan { access, rows, filter: Filter::and(conjuncts) })
    }

    /// Leaves out the rows without one of these numbers.
    pub(in crate::query) fn narrow(&mut self, numbers: &Range<u64>) {
        for rows in &mut self.rows {
            *rows = rows.start.max(numbers.start)..rows.end.min(numbers.end);
        }
        self.rows.retain(|rows| rows.start < rows.end);
    }

    /// How many rows are read.
    pub(in crate::query) fn row_count(&self) -> u64 {
        self.rows.iter().map(|range| range.end - range.start).sum()
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.access {
            Access::Scan => write!(f, "scan of whole leaves"),
            Access::Nothing => write!(f, "nothing is read: no row can pass"),
            Access::Key(fields) => {
                write!(f, "key range on {}, ranges: {}", fields.join(", "), self.rows.len())
            }
            Access::Index { name, fields } => write!(f, "index {name:?} on {}", fields.join(", ")),
            Access::Entries { name, fields } if fields.is_empty() => {
                write!(f, "scan of the entries of index {name:?}")
            }
            Access::Entries { name, fields } => {
                let (fields, ranges) = (fields.join(", "), self.rows.len());
                write!(f, "index {name:?} on {fields}, ranges: {ranges}, its entries alone")
            }
        }
    }
}

/// Whether the place is all of this field, with the type that the schema has.
fn is_on(place: &Place, field: &FieldDef) -> bool {
    place.offset == field.offset()
        && place.field.ty() == field.ty()
        && place.field.is_nullable() == field.is_nullable()
}

/// The conditions on the key found so far.
pub(in crate::query) struct KeyRanges {
    /// Stored values of the leading fields, in order.
    prefixes: Vec<Vec<u8>>,
    /// The first and the last value of the next field, in stored form.
    ends: Option<Vec<(Vec<u8>, Vec<u8>)>>,
    pub(in crate::query) fields: Vec<String>,
}

impl KeyRanges {
    /// The conditions of the filter on the leading fields of a key. Those that are used are removed
    /// from it.
    pub(in crate::query) fn of<'f>(
        fields: impl IntoIterator<Item = &'f FieldDef>,
        conjuncts: &mut Vec<Filter>,
    ) -> KeyRanges {
        let mut keys = KeyRanges { prefixes: vec![Vec::new()], ends: None, fields: Vec::new() };
        for field in fields {
            let is_on_field = |part: &Filter| matches!(part, Filter::In { place, .. } if is_on(place, field));
            let Some(at) = conjuncts.iter().position(is_on_field) else { break };
            let Filter::In { set, .. } = &conjuncts[at] else { break };
            let Some(is_last) = keys.narrow(field, set) else { break };
            conjuncts.remove(at);
            if is_last {
                break;
            }
        }
        keys
    }

    /// Whether each of the first `fields` fields has a single value.
    pub(in crate::query) fn is_one_value_of(&self, fields: usize) -> bool {
        let values = self.fields.len() - usize::from(self.ends.is_some());
        self.prefixes.len() == 1 && values >= fields
    }

    /// Adds the set of the next field. `None` if it cannot be used; otherwise whether it is the
    /// last one that can.
    fn narrow(&mut self, field: &FieldDef, set: &Ranges) -> Option<bool> {
        let scalar = domain::scalar(field.ty());
        let stored = |ordinal: &[u8]| {
            let mut stored = Vec::with_capacity(ordinal.len());
            scalar.write_stored(ordinal, &mut stored);
            stored
        };
        let is_float = scalar.is_float();
        if let Some(points) = set.as_points()
            && !is_float
            && self.prefixes.len() * points.len() <= MOST_RANGES
        {
            let extended = self.prefixes.iter().flat_map(|prefix| {
                points.iter().map(|point| [&prefix[..], &stored(point)].concat()).collect::<Vec<_>>()
            });
            self.prefixes = extended.collect();
            self.fields.push(field.name().to_owned());
            return Some(false);
        }
        if self.prefixes.len() * set.as_slice().len() > MOST_RANGES {
            return None;
        }
        let mut ends = Vec::with_capacity(set.as_slice().len());
        for (from, to) in set.as_slice() {
            let last = last_before(to, field.width());
            if is_float && last > infinity(scalar, f32::INFINITY) {
                // The tree also has NaNs below all numbers.
                return None;
            }
            // The tree has NaNs below minus infinity; in queries they are above all numbers.
            ends.push(if is_float {
                let first = from.max(&infinity(scalar, f32::NEG_INFINITY)).clone();
                (first_equal(stored(&first)), last_equal(stored(&last)))
            } else {
                (stored(from), stored(&last))
            });
        }
        self.ends = Some(ends);
        self.fields.push(field.name().to_owned());
        Some(true)
    }

    pub(in crate::query) fn rows(&self, reader: &Reader<'_>) -> Result<Vec<Range<u64>>> {
        let mut rows: Vec<Range<u64>> = Vec::new();
        let mut add = |from: &[u8], to: &[u8]| -> Result<()> {
            let range = reader.rows_between(Bound::Included(from), Bound::Included(to))?;
            match rows.last_mut() {
                Some(last) if last.end == range.start => last.end = range.end,
                _ => rows.push(range),
            }
            Ok(())
        };
        for prefix in &self.prefixes {
            match &self.ends {
                None => add(prefix, prefix)?,
                Some(ends) => {
                    for (from, to) in ends {
                        add(&[&prefix[..], from].concat(), &[&prefix[..], to].concat())?;
                    }
                }
            }
        }
        Ok(rows)
    }
}

/// The ordinal of infinity, or of minus infinity.
fn infinity(scalar: Scalar, infinity: f32) -> Vec<u8> {
    match scalar {
        Scalar::Float(4) => ordinal_f32(infinity.to_bits(), false).to_be_bytes().into(),
        _ => ordinal_f64(f64::from(infinity).to_bits(), false).to_be_bytes().into(),
    }
}
