//! Indexes in a plan: picks the one that leaves the fewest rows to be read, or that covers the
//! query. The planner calls it after the ranges of the table are known.
//!
//! Rows that an index finds are read in the order of the table, so the answer is the same as
//! without it. Entries are read instead of rows if their order cannot be seen in the answer: in
//! aggregates, and if all entries that are read have the same indexed values.

use std::ops::Range;

use super::access::{Access, KeyRanges, Plan};
use super::bound::Fn;
use super::filter::Filter;
use super::job::Job;
use super::part::Part;
use super::shape::{Aggregation, Shape};
use crate::catalog::{Definition, Role};
use crate::error::Result;
use crate::order::Scalar;
use crate::query::ask::column::Place;
use crate::schema::FieldDef;
use crate::table::{EntryShape, Reader};

/// Finding a row by its entry costs about as much as scanning this many rows.
const ROW_COST: u64 = 512;

/// How an index can serve a query.
struct Candidate<'t> {
    entries: Reader<'t>,
    keys: KeyRanges,
    ranges: Vec<Range<u64>>,
    /// The filter that remains for each row.
    rest: Filter,
    count: u64,
}

/// What would be read instead of the current plan.
enum Choice<'t> {
    Entries(Job<'t>),
    Rows(Candidate<'t>),
}

/// Uses an index if that is less work. `filter` is the whole filter of a row.
pub(in crate::query) fn improve<'t>(job: &mut Job<'t>, filter: &Filter) -> Result<()> {
    let (table, mut least, mut best) = (job.reader, job.plan.row_count(), None);
    if least <= ROW_COST {
        return Ok(());
    }
    for entries in table.all_indexes()? {
        let Role::Index { fields, .. } = entries.definition.role else { continue };
        let candidate = candidate(&table, entries, fields.into(), filter)?;
        let widths = (entries.definition.schema.width() as u64, table.definition.schema.width() as u64);
        let reading = candidate.count.saturating_mul(widths.0) / widths.1 + 1;
        let finding = candidate.count.saturating_mul(ROW_COST) + 1;
        if reading < least
            && candidate.keeps_order(&job.shape, fields.into())
            && let Some(covered) = candidate.covers(job, table.definition)
        {
            (least, best) = (reading, Some(Choice::Entries(covered)));
        } else if finding < least && !candidate.keys.fields.is_empty() {
            (least, best) = (finding, Some(Choice::Rows(candidate)));
        }
    }
    match best {
        None => {}
        Some(Choice::Entries(covered)) => *job = covered,
        Some(Choice::Rows(found)) => {
            let rows = found.rows(&table)?;
            let access =
                Access::Index { name: found.entries.definition.name.clone(), fields: found.keys.fields };
            job.plan = Plan { access, rows, filter: found.rest };
        }
    }
    Ok(())
}

fn candidate<'t>(
    table: &Reader<'t>,
    entries: Reader<'t>,
    indexed: usize,
    filter: &Filter,
) -> Result<Candidate<'t>> {
    let mut conjuncts = if let Filter::And(parts) = filter { parts.clone() } else { vec![filter.clone()] };
    let schema = &table.definition.schema;
    // The fields of the key follow those that are indexed. The number of a row is not a field.
    let named = if schema.is_keyed() { entries.definition.schema.fields().len() } else { indexed };
    let fields = entries.definition.schema.fields()[..named].iter();
    let fields = fields.map(|field| schema.field(field.name())).collect::<Result<Vec<&FieldDef>>>()?;
    // The tree orders floats in another way than numbers.
    let ordered = fields.into_iter().take_while(|field| !field.ty().scalar().is_some_and(Scalar::is_float));
    let keys = KeyRanges::of(ordered, &mut conjuncts);
    let all = || std::iter::once(0..entries.rows()).collect();
    let ranges = if keys.fields.is_empty() { all() } else { keys.rows(&entries)? };
    let ranges: Vec<Range<u64>> = ranges.into_iter().filter(|range| !range.is_empty()).collect();
    let count = ranges.iter().map(|range| range.end - range.start).sum();
    Ok(Candidate { entries, keys, ranges, rest: Filter::and(conjuncts), count })
}

impl<'t> Candidate<'t> {
    /// Whether the answer is the same when rows come in the order of the index: the order cannot be
    /// seen in it, or all rows have the same indexed values and so come in the order of the table.
    fn keeps_order(&self, shape: &Shape, indexed: usize) -> bool {
        match shape {
            Shape::Aggregates(aggregation) if !aggregation.fns.iter().any(Fn::needs_order) => true,
            _ => self.keys.is_one_value_of(indexed),
        }
    }

    /// The same job over entries instead of rows, if they have every field that it reads.
    fn covers(&self, job: &Job<'t>, table: &Definition) -> Option<Job<'t>> {
        let places = EntryPlaces { table, entries: self.entries.definition };
        let shape = match &job.shape {
            Shape::Rows(projection) => Shape::Rows(projection.moved(&|at, len| places.pieces(at, len))?),
            Shape::Aggregates(aggregation) => Shape::Aggregates(Aggregation {
                schema: aggregation.schema.clone(),
                groups: aggregation
                    .groups
                    .iter()
                    .map(|part| Some(Part { place: places.moved(&part.place)?, floor: part.floor.clone() }))
                    .collect::<Option<_>>()?,
                fns: aggregation
                    .fns
                    .iter()
                    .map(|fun| fun.moved(&|place| places.moved(place)))
                    .collect::<Option<_>>()?,
            }),
        };
        let mut order = job.order.clone();
        // The values that aggregates are sorted by are in the result.
        if matches!(shape, Shape::Rows(_)) {
            for field in &mut order {
                field.place = places.moved(&field.place)?;
            }
        }
        let access =
            Access::Entries { name: self.entries.definition.name.clone(), fields: self.keys.fields.clone() };
        let filter = places.filter(&self.rest)?;
        Some(Job {
            reader: self.entries,
            plan: Plan { access, rows: self.ranges.clone(), filter },
            shape,
            order,
            ..*job
        })
    }

    /// The numbers of the rows, in the order of the table.
    fn rows(&self, table: &Reader<'_>) -> Result<Vec<Range<u64>>> {
        let shape = EntryShape::new(table.definition, self.entries.definition)?;
        let mut key = vec![0; shape.key_width()];
        let mut numbers = Vec::with_capacity(self.count as usize);
        for range in &self.ranges {
            for slice in self.entries.view.slices(range.clone()) {
                let slice = slice.map_err(|error| self.entries.in_table(error))?;
                for entry in slice.chunks_exact(shape.width()) {
                    shape.key(entry, &mut key);
                    let place = table.place(&key)?;
                    if !place.found {
                        return Err(table.no_row_of(self.entries.definition));
                    }
                    numbers.push(place.rank);
                }
            }
        }
        numbers.sort_unstable();
        let mut rows: Vec<Range<u64>> = Vec::new();
        for number in numbers {
            match rows.last_mut() {
                Some(last) if last.end == number => last.end += 1,
                _ => rows.push(number..number + 1),
            }
        }
        Ok(rows)
    }
}

/// Translates places in a row to places in an entry.
struct EntryPlaces<'d> {
    table: &'d Definition,
    entries: &'d Definition,
}

impl EntryPlaces<'_> {
    /// Where some bytes of a field start in an entry, and how many of its bytes follow.
    fn at(&self, offset: usize) -> Option<(usize, usize)> {
        let within = |field: &&FieldDef| (field.offset()..field.offset() + field.width()).contains(&offset);
        let field = self.table.schema.fields().iter().find(within)?;
        // The number of a row may have the name of a field that is not indexed.
        let named = self.entries.schema.fields().len() - usize::from(!self.table.schema.is_keyed());
        let entry =
            self.entries.schema.fields()[..named].iter().find(|entry| entry.name() == field.name())?;
        let inside = offset - field.offset();
        Some((entry.offset() + inside, field.width() - inside))
    }

    fn moved(&self, place: &Place) -> Option<Place> {
        let (offset, len) = self.at(place.offset)?;
        (place.width() <= len).then(|| Place { field: place.field.clone(), offset })
    }

    /// The pieces of an entry that hold some bytes of a row.
    fn pieces(&self, mut offset: usize, mut len: usize) -> Option<Vec<(usize, usize)>> {
        let mut pieces = Vec::new();
        while len > 0 {
            let (at, there) = self.at(offset)?;
            let taken = there.min(len);
            pieces.push((at, taken));
            (offset, len) = (offset + taken, len - taken);
        }
        Some(pieces)
    }

    fn filter(&self, filter: &Filter) -> Option<Filter> {
        let all =
            |parts: &[Filter]| parts.iter().map(|part| self.filter(part)).collect::<Option<Vec<Filter>>>();
        Some(match filter {
            Filter::And(parts) => Filter::And(all(parts)?),
            Filter::Or(parts) => Filter::Or(all(parts)?),
            Filter::In { place, set } => Filter::In { place: self.moved(place)?, set: set.clone() },
            Filter::Pair { left, op, right } => {
                Filter::Pair { left: self.moved(left)?, op: *op, right: self.moved(right)? }
            }
        })
    }
}
