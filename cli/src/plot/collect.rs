//! Counts what a chart draws: how many rows fall into each bin, or have each value, in each group.
//! `plot/mod.rs` calls it; `svg` and `text` draw its result. It draws nothing.

use std::collections::HashMap;

use drystone::query::{Expr, Predicate, Query};
use drystone::{Dyn, Error, FieldDef, Result, Row, Table, Value};

use super::axis::{Axis, Kind, Outside};
use crate::report::wrong_use;

/// What to count.
pub(super) struct Asked {
    pub(super) field: Expr,
    pub(super) by: Option<Expr>,
    pub(super) filter: Option<Predicate>,
    /// The most bins, if the values are on an axis.
    pub(super) bins: usize,
    /// The most values, if they are names.
    pub(super) values: usize,
    pub(super) groups: usize,
    /// Whether to draw also values that are far from most others.
    pub(super) full: bool,
}

/// All that a chart shows.
pub(super) struct Chart {
    pub(super) field: String,
    pub(super) by: Option<String>,
    pub(super) scale: Scale,
    /// One per group, the largest first. Without groups, one that has no name.
    pub(super) panels: Vec<Panel>,
    /// How many groups are not drawn, and how many rows they have.
    pub(super) other_groups: (usize, u64),
    pub(super) summary: Summary,
}

/// What the counts are of.
pub(super) enum Scale {
    Bins(Axis),
    /// Values, the most frequent first, and how many other values there are.
    Values(Vec<String>, usize),
}

/// The counts of a group.
pub(super) struct Panel {
    pub(super) name: Option<String>,
    pub(super) rows: u64,
    /// Rows with null or NaN.
    pub(super) nulls: u64,
    pub(super) counts: Vec<u64>,
    /// Rows beyond the ends of the axis.
    pub(super) below: u64,
    pub(super) above: u64,
    /// Rows with values that are not drawn.
    pub(super) others: u64,
}

/// All rows together.
#[derive(Clone, Copy, Default)]
pub(super) struct Summary {
    pub(super) rows: u64,
    pub(super) nulls: u64,
    pub(super) low: f64,
    pub(super) high: f64,
    sum: f64,
}

impl Summary {
    /// The mean of the values that are not null.
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

/// How many different values, or groups, are counted at most. More would take ever more memory, for
/// a chart that draws only a few.
const NAMES: usize = 1 << 20;

/// Into how many steps [`bulk`] divides the values.
const FINE_STEPS: usize = 1 << 16;

/// The rows of a chart, which are read more than once.
struct Rows<'t> {
    query: Query<'t>,
    field: FieldDef,
    /// The name of the field that groups the rows.
    by: Option<String>,
    /// `None` if the values are drawn as names.
    kind: Option<Kind>,
}

impl<'t> Rows<'t> {
    fn new(table: &Table<'t, Dyn>, asked: &Asked) -> Result<Rows<'t>> {
        let columns = std::iter::once(asked.field.clone()).chain(asked.by.clone());
        let mut query = table.query().select(columns);
        if let Some(filter) = &asked.filter {
            query = query.filter(filter.clone());
        }
        let schema = query.stream()?.schema().clone();
        let field = schema.fields()[0].clone();
        if matches!(field.ty(), drystone::Type::Array(..)) {
            return wrong_use(format!(
                "field {:?} is an array; a value of it can be given as at(OFFSET, TYPE)",
                field.name()
            ));
        }
        let by = schema.fields().get(1).map(|field| field.name().to_owned());
        let kind = Kind::of(field.ty());
        Ok(Rows { query, field, by, kind })
    }

    /// Calls `each` with every row, and the bytes that identify its group.
    fn each(&self, mut each: impl FnMut(Row<'_>, &[u8]) -> Result<()>) -> Result<()> {
        let stream = self.query.stream()?;
        let group = stream.schema().fields().get(1).map_or(0, |field| field.offset());
        for rows in stream {
            for row in &rows? {
                each(row, if self.by.is_some() { &row.as_bytes()[group..] } else { &[] })?;
            }
        }
        Ok(())
    }
}

/// Counts the rows of a table: once to find the groups, the values and their range, and once to
/// fill the panels.
pub(super) fn collect(table: &Table<'_, Dyn>, asked: &Asked) -> Result<Chart> {
    let rows = Rows::new(table, asked)?;
    let Survey { summary, groups, values } = survey(&rows)?;
    let (groups, other_groups) = largest_groups(groups, asked.groups);
    let scale = match rows.kind {
        None => frequent_values(values, asked.values),
        Some(kind) => {
            let (low, high) = if asked.full { (summary.low, summary.high) } else { bulk(&rows, &summary)? };
            Scale::Bins(Axis::new(kind, low, high, asked.bins))
        }
    };
    let panels = fill_panels(&rows, groups, &scale)?;
    let Rows { field, by, .. } = rows;
    Ok(Chart { field: field.name().to_owned(), by, scale, panels, other_groups, summary })
}

/// What the first pass over the rows finds.
struct Survey {
    summary: Summary,
    /// The groups by the bytes of their value.
    groups: HashMap<Vec<u8>, Group>,
    /// How many rows have each value, if values are drawn as names.
    values: HashMap<String, u64>,
}

struct Group {
    /// The text of the value by which the rows are grouped.
    name: String,
    rows: u64,
}

/// Groups, each with the bytes of its value.
type Groups = Vec<(Vec<u8>, Group)>;

fn survey(rows: &Rows<'_>) -> Result<Survey> {
    let summary = Summary { low: f64::INFINITY, high: f64::NEG_INFINITY, ..Summary::default() };
    let mut found = Survey { summary, groups: HashMap::new(), values: HashMap::new() };
    rows.each(|row, group| {
        found.count_value(rows, &row.get(0)?);
        found.check_memory(rows)?;
        match found.groups.get_mut(group) {
            Some(group) => group.rows += 1,
            None => {
                let name = if rows.by.is_some() { row.get(1)?.to_string() } else { String::new() };
                found.groups.insert(group.to_vec(), Group { name, rows: 1 });
            }
        }
        Ok(())
    })?;
    let Summary { rows, nulls, .. } = found.summary;
    if rows == nulls {
        let what = if rows == 0 { "there are no rows" } else { "all values are null" };
        return wrong_use(format!("nothing to plot: {what}"));
    }
    Ok(found)
}

impl Survey {
    fn count_value(&mut self, rows: &Rows<'_>, value: &Value<'_>) {
        if rows.kind.is_some() {
            self.summary.take(Kind::place(value));
        } else if value.is_null() {
            self.summary.take(None);
        } else {
            // Names have no range: any number stands for one.
            self.summary.take(Some(0.0));
            *self.values.entry(value.to_string()).or_default() += 1;
        }
    }

    fn check_memory(&self, rows: &Rows<'_>) -> Result<()> {
        let field = if self.values.len() > NAMES {
            rows.field.name()
        } else if self.groups.len() > NAMES {
            rows.by.as_deref().unwrap_or_default()
        } else {
            return Ok(());
        };
        wrong_use(format!(
            "field {field:?} has more than {NAMES} different values; narrow the rows with --where"
        ))
    }
}

/// The largest groups, in order, and how many other groups and rows of them there are.
fn largest_groups(groups: HashMap<Vec<u8>, Group>, most: usize) -> (Groups, (usize, u64)) {
    let mut groups: Groups = groups.into_iter().collect();
    groups.sort_by(|(one_key, one), (other_key, other)| {
        other.rows.cmp(&one.rows).then_with(|| one_key.cmp(other_key))
    });
    let others = groups.split_off(most.min(groups.len()));
    let other_rows = others.iter().map(|(_, group)| group.rows).sum();
    (groups, (others.len(), other_rows))
}

/// The most frequent values, in order.
fn frequent_values(values: HashMap<String, u64>, most: usize) -> Scale {
    let mut ranked: Vec<(String, u64)> = values.into_iter().collect();
    ranked.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    let others = ranked.len().saturating_sub(most);
    ranked.truncate(most);
    Scale::Values(ranked.into_iter().map(|(name, _)| name).collect(), others)
}

/// Counts the rows of each group along the scale.
fn fill_panels(rows: &Rows<'_>, groups: Groups, scale: &Scale) -> Result<Vec<Panel>> {
    let (bins, ranks) = match scale {
        Scale::Bins(axis) => (axis.bins, HashMap::new()),
        Scale::Values(names, _) => {
            (names.len(), names.iter().enumerate().map(|(rank, name)| (name.as_str(), rank)).collect())
        }
    };
    let mut positions = HashMap::new();
    let mut panels = Vec::new();
    for (position, (key, Group { name, rows: count })) in groups.into_iter().enumerate() {
        positions.insert(key, position);
        let name = rows.by.is_some().then_some(name);
        let counts = vec![0; bins];
        panels.push(Panel { name, rows: count, nulls: 0, counts, below: 0, above: 0, others: 0 });
    }
    rows.each(|row, group| {
        let panel = positions.get(group).and_then(|position| panels.get_mut(*position));
        if let Some(panel) = panel {
            panel.count(&row.get(0)?, scale, &ranks);
        }
        Ok(())
    })?;
    Ok(panels)
}

impl Panel {
    fn count(&mut self, value: &Value<'_>, scale: &Scale, ranks: &HashMap<&str, usize>) {
        match scale {
            Scale::Bins(axis) => match Kind::place(value).map(|place| axis.bin(place)) {
                None => self.nulls += 1,
                Some(Ok(bin)) => self.counts[bin] += 1,
                Some(Err(Outside::Below)) => self.below += 1,
                Some(Err(Outside::Above)) => self.above += 1,
            },
            Scale::Values(..) if value.is_null() => self.nulls += 1,
            Scale::Values(..) => match ranks.get(value.to_string().as_str()) {
                Some(rank) => self.counts[*rank] += 1,
                None => self.others += 1,
            },
        }
    }
}

/// The range to draw: without the half percent of the values at either end, if those take more than
/// half of the axis.
fn bulk(rows: &Rows<'_>, summary: &Summary) -> Result<(f64, f64)> {
    let few = (summary.rows - summary.nulls) / 200;
    let all = (summary.low, summary.high);
    let mut found = all;
    // One value may be so far away that all others fall into one step. Then look into that step.
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

/// How many steps, from the first, hold no more than `few` values together with those before them.
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

/// Puts the name of the table before an error.
pub(super) fn within_table(error: Error, table: &str) -> Error {
    error.within(format_args!("table {table:?}"))
}
