//! Counting what is to be drawn: how many rows fall into each bin, or have each value, in each group.

use std::collections::HashMap;

use drystone::query::{Expr, Predicate, Query};
use drystone::{Dyn, Error, Result, Row, Table};

use super::axis::{Axis, Kind, Outside};
use crate::wrong_use;

/// What is asked for.
pub(super) struct Asked {
    pub(super) field: Expr,
    pub(super) by: Option<Expr>,
    pub(super) filter: Option<Predicate>,
    /// Bins at most, where values stand on an axis.
    pub(super) bins: usize,
    /// Values at most, where they are names.
    pub(super) values: usize,
    pub(super) groups: usize,
    /// Whether values far from most of the others are drawn too.
    pub(super) full: bool,
}

/// All that is to be drawn.
pub(super) struct Chart {
    pub(super) field: String,
    pub(super) by: Option<String>,
    pub(super) scale: Scale,
    /// The largest groups first; one, without a name, if there are none.
    pub(super) panels: Vec<Panel>,
    /// Groups that are not drawn, and their rows.
    pub(super) other_groups: (usize, u64),
    pub(super) summary: Summary,
}

/// What stands along the axis.
pub(super) enum Scale {
    Bins(Axis),
    /// Values, the most frequent first, and how many others there are.
    Values(Vec<String>, usize),
}

/// A group.
pub(super) struct Panel {
    pub(super) name: Option<String>,
    pub(super) rows: u64,
    /// Null, or not a number.
    pub(super) nulls: u64,
    pub(super) counts: Vec<u64>,
    /// Beyond the ends of the axis.
    pub(super) below: u64,
    pub(super) above: u64,
    /// Other values than those that are drawn.
    pub(super) others: u64,
}

/// Of all rows together.
#[derive(Clone, Copy, Default)]
pub(super) struct Summary {
    pub(super) rows: u64,
    pub(super) nulls: u64,
    pub(super) low: f64,
    pub(super) high: f64,
    sum: f64,
}

impl Summary {
    /// The mean of the values that there are.
    pub(super) fn mean(&self) -> f64 {
        self.sum / (self.rows - self.nulls).max(1) as f64
    }

    fn take(&mut self, place: Option<f64>) {
        self.rows += 1;
        match place {
            None => self.nulls += 1,
            Some(place) => {
                (self.low, self.high) = (self.low.min(place), self.high.max(place));
                self.sum += place;
            }
        }
    }
}

/// More values, or groups, than these are not counted: it would take ever more memory, for a drawing of the first few.
const NAMES: usize = 1 << 20;

/// Steps in which the share of far values is found.
const FINE_STEPS: usize = 1 << 16;

/// Rows for a chart, which are gone over more than once.
struct Rows<'t> {
    query: Query<'t>,
    grouped: bool,
}

impl Rows<'_> {
    /// Every row, and the bytes by which its group is known.
    fn each(&self, mut each: impl FnMut(Row<'_>, &[u8]) -> Result<()>) -> Result<()> {
        let stream = self.query.stream()?;
        let group = stream.schema().fields().get(1).map_or(0, |field| field.offset());
        for rows in stream {
            for row in &rows? {
                each(row, if self.grouped { &row.as_bytes()[group..] } else { &[] })?;
            }
        }
        Ok(())
    }
}

/// Counts the rows of a table.
pub(super) fn collect(table: &Table<'_, Dyn>, asked: &Asked) -> Result<Chart> {
    let columns = std::iter::once(asked.field.clone()).chain(asked.by.clone());
    let mut query = table.query().select(columns);
    if let Some(filter) = &asked.filter {
        query = query.filter(filter.clone());
    }
    let rows = Rows { query, grouped: asked.by.is_some() };
    let schema = rows.query.stream()?.schema().clone();
    let field = &schema.fields()[0];
    let by = schema.fields().get(1).map(|field| field.name().to_owned());
    let kind = Kind::of(field.ty());
    if matches!(field.ty(), drystone::Type::Array(..)) {
        return wrong_use(format!(
            "field {:?} is an array; a value of it can be given as at(OFFSET, TYPE)",
            field.name()
        ));
    }

    let mut summary = Summary { low: f64::INFINITY, high: f64::NEG_INFINITY, ..Summary::default() };
    let mut groups: HashMap<Vec<u8>, (String, u64)> = HashMap::new();
    let mut values: HashMap<String, u64> = HashMap::new();
    rows.each(|row, group| {
        let value = row.get(0)?;
        match kind {
            Some(_) => summary.take(Kind::place(&value)),
            None => {
                summary.take(if value.is_null() { None } else { Some(0.0) });
                if !value.is_null() {
                    let text = value.to_string();
                    *values.entry(text).or_default() += 1;
                }
            }
        }
        if values.len() > NAMES || groups.len() > NAMES {
            let what = if values.len() > NAMES { field.name() } else { by.as_deref().unwrap_or_default() };
            return wrong_use(format!(
                "field {what:?} has more than {NAMES} different values; narrow the rows with --where"
            ));
        }
        match groups.get_mut(group) {
            Some((_, rows)) => *rows += 1,
            None => {
                let name = if rows.grouped { row.get(1)?.to_string() } else { String::new() };
                groups.insert(group.to_vec(), (name, 1));
            }
        }
        Ok(())
    })?;
    if summary.rows == summary.nulls {
        let what = if summary.rows == 0 { "there are no rows" } else { "all values are null" };
        return wrong_use(format!("nothing to plot: {what}"));
    }

    let mut groups: Vec<(Vec<u8>, (String, u64))> = groups.into_iter().collect();
    groups.sort_by(|(one_key, one), (other_key, other)| other.1.cmp(&one.1).then(one_key.cmp(other_key)));
    let left_out = groups.split_off(asked.groups.min(groups.len()));
    let other_groups = (left_out.len(), left_out.iter().map(|(_, (_, rows))| rows).sum());
    let mut ranked: Vec<(String, u64)> = values.into_iter().collect();
    ranked.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    let other_values = ranked.len().saturating_sub(asked.values);
    ranked.truncate(asked.values);
    let places: HashMap<String, usize> =
        ranked.iter().enumerate().map(|(place, (name, _))| (name.clone(), place)).collect();
    let scale = match kind {
        None => Scale::Values(ranked.into_iter().map(|(name, _)| name).collect(), other_values),
        Some(kind) => {
            let (low, high) = if asked.full { (summary.low, summary.high) } else { bulk(&rows, &summary)? };
            Scale::Bins(Axis::new(kind, low, high, asked.bins))
        }
    };

    let len = match &scale {
        Scale::Bins(axis) => axis.bins,
        Scale::Values(names, _) => names.len(),
    };
    let mut at = HashMap::new();
    let mut panels = Vec::new();
    for (place, (key, (name, rows))) in groups.into_iter().enumerate() {
        at.insert(key, place);
        let name = by.is_some().then_some(name);
        let counts = vec![0; len];
        panels.push(Panel { name, rows, nulls: 0, counts, below: 0, above: 0, others: 0 });
    }
    rows.each(|row, group| {
        let Some(panel) = at.get(group).and_then(|place| panels.get_mut(*place)) else { return Ok(()) };
        let value = row.get(0)?;
        match &scale {
            Scale::Bins(axis) => match Kind::place(&value).map(|place| axis.bin(place)) {
                None => panel.nulls += 1,
                Some(Ok(bin)) => panel.counts[bin] += 1,
                Some(Err(Outside::Below)) => panel.below += 1,
                Some(Err(Outside::Above)) => panel.above += 1,
            },
            Scale::Values(..) if value.is_null() => panel.nulls += 1,
            Scale::Values(..) => match places.get(&value.to_string()) {
                Some(place) => panel.counts[*place] += 1,
                None => panel.others += 1,
            },
        }
        Ok(())
    })?;
    Ok(Chart { field: field.name().to_owned(), by, scale, panels, other_groups, summary })
}

/// Between which values most lie: without the half percent at either end, if that takes more than half of the axis.
fn bulk(rows: &Rows<'_>, summary: &Summary) -> Result<(f64, f64)> {
    let few = (summary.rows - summary.nulls) / 200;
    let all = (summary.low, summary.high);
    let mut found = all;
    // One value may lie so far away that all others fall into one step: then it is looked into that one.
    loop {
        let (low, high) = found;
        let step = (high - low) / FINE_STEPS as f64;
        if !step.is_normal() {
            break;
        }
        let (mut below, mut above, mut counts) = (0_u64, 0_u64, vec![0_u64; FINE_STEPS + 1]);
        rows.each(|row, _| {
            match Kind::place(&row.get(0)?) {
                Some(place) if place < low => below += 1,
                Some(place) if place > high => above += 1,
                Some(place) => counts[(((place - low) / step) as usize).min(FINE_STEPS)] += 1,
                None => {}
            }
            Ok(())
        })?;
        let first = steps_over(counts.iter(), below, few);
        let last = FINE_STEPS.saturating_sub(steps_over(counts.iter().rev(), above, few));
        found = (low + first as f64 * step, (low + (last + 1) as f64 * step).min(high));
        if last.saturating_sub(first) > FINE_STEPS / 2 {
            break;
        }
    }
    let is_far = found.1 - found.0 < (all.1 - all.0) / 2.0;
    Ok(if is_far && found.0 <= found.1 { found } else { all })
}

/// How many steps there are before so few values are exceeded.
fn steps_over<'c>(counts: impl Iterator<Item = &'c u64>, before: u64, few: u64) -> usize {
    let mut sum = before;
    counts
        .map(|count| {
            sum += count;
            sum
        })
        .take_while(|sum| *sum <= few)
        .count()
}

/// An error with the table's name before it.
pub(super) fn within_table(error: Error, table: &str) -> Error {
    error.within(format_args!("table {table:?}"))
}
