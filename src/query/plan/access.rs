//! The planner: which rows are read at all, and what is still asked of each of them.
//!
//! A predicate is taken apart at its outermost `and`s. What they say of the leading fields of the
//! key, values as long as they last and then ranges, becomes ranges of the tree, whose rows are
//! counted and not read. The rest is the filter.

use std::fmt;
use std::ops::{Bound, Range};

use super::domain::{Class, ordinal_f32, ordinal_f64};
use super::filter::Filter;
use super::ranges::{Ranges, last_before};
use crate::error::Result;
use crate::query::ask::column::Place;
use crate::schema::FieldDef;
use crate::table::Reader;

/// More ranges of the tree than this are not worth their look-ups.
const MOST_RANGES: usize = 64;

/// Which rows are read, and what is asked of them.
pub(in crate::query) struct Plan {
    pub(in crate::query) access: Access,
    /// Numbers of rows, in order, apart from each other.
    pub(in crate::query) rows: Vec<Range<u64>>,
    pub(in crate::query) filter: Filter,
}

/// How the rows are found.
pub(in crate::query) enum Access {
    /// Reads every row.
    Scan,
    /// Nothing can pass.
    Nothing,
    /// Ranges of the tree, by these leading fields of the key.
    Key(Vec<String>),
    /// The rows that an index finds by its leading fields.
    Index { name: String, fields: Vec<String> },
    /// The entries of an index in place of rows, in ranges by its leading fields.
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

/// Whether a place is this field, as the schema has it.
fn is_on(place: &Place, field: &FieldDef) -> bool {
    place.offset == field.offset()
        && place.field.ty() == field.ty()
        && place.field.is_nullable() == field.is_nullable()
}

/// What is known of the key so far.
pub(in crate::query) struct KeyRanges {
    /// Stored values of the leading fields, in order.
    prefixes: Vec<Vec<u8>>,
    /// The first and the last value of the field behind them, in stored form.
    ends: Option<Vec<(Vec<u8>, Vec<u8>)>>,
    pub(in crate::query) fields: Vec<String>,
}

impl KeyRanges {
    /// What these say of the leading fields of a key. What is used of them is taken out.
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

    /// Whether it is one value of each of so many leading fields.
    pub(in crate::query) fn is_one_value_of(&self, fields: usize) -> bool {
        let values = self.fields.len() - usize::from(self.ends.is_some());
        self.prefixes.len() == 1 && values >= fields
    }

    /// Takes in the set of the next field; `None` if it cannot be used, and whether it is the last
    /// one that can.
    fn narrow(&mut self, field: &FieldDef, set: &Ranges) -> Option<bool> {
        let class = Class::of(field.ty());
        let stored = |ordinal: &[u8]| {
            let mut stored = Vec::with_capacity(ordinal.len());
            class.write_stored(ordinal, &mut stored);
            stored
        };
        let is_float = matches!(class, Class::F32 | Class::F64);
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
            if is_float && last > infinity(class) {
                // The tree has NaNs below all numbers too.
                return None;
            }
            // There are NaNs below minus infinity in the tree, which are above all numbers here.
            let first = if is_float { lowest(class, from.max(&minus_infinity(class))) } else { stored(from) };
            ends.push((first, stored(&last)));
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

/// The ordinal of infinity.
fn infinity(class: Class) -> Vec<u8> {
    match class {
        Class::F32 => ordinal_f32(f32::INFINITY.to_bits(), false).to_be_bytes().into(),
        _ => ordinal_f64(f64::INFINITY.to_bits(), false).to_be_bytes().into(),
    }
}

fn minus_infinity(class: Class) -> Vec<u8> {
    match class {
        Class::F32 => ordinal_f32(f32::NEG_INFINITY.to_bits(), false).to_be_bytes().into(),
        _ => ordinal_f64(f64::NEG_INFINITY.to_bits(), false).to_be_bytes().into(),
    }
}

/// The stored float from which the tree has those of this ordinal: -0.0 stands before 0.0 there.
fn lowest(class: Class, ordinal: &[u8]) -> Vec<u8> {
    let mut stored = Vec::with_capacity(ordinal.len());
    class.write_stored(ordinal, &mut stored);
    if stored.iter().all(|byte| *byte == 0)
        && let Some(last) = stored.last_mut()
    {
        *last = 0x80;
    }
    stored
}
