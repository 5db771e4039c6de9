//! `drystone plot`: how the values of a field are spread, drawn in the terminal or as an SVG.

mod axis;
mod collect;
mod svg;
mod text;

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use drystone::query::{Expr, Predicate, parse_exprs};
use drystone::{Dyn, Error, Result};
use indicatif::HumanCount;

use crate::output::report;
use crate::{Outcome, open, wrong_use};
use collect::{Asked, Chart, Panel, Scale, collect};

/// Draw a histogram of a field: numbers, dates and timestamps in bins, other values by how often they come
///
/// Where a few values lie far from all others, half a percent at either end is counted but not drawn.
#[derive(Args)]
pub(crate) struct Plot {
    /// The database file
    db: PathBuf,
    /// The table
    table: String,
    /// The field: a name, or a byte offset and a type such as at(12, i16)
    #[arg(long, value_name = "FIELD")]
    field: String,
    /// One below the other for each value of this field, the most frequent first
    #[arg(long, value_name = "FIELD")]
    by: Option<String>,
    /// Only rows for which this is true; see drystone query --help
    #[arg(long = "where", value_name = "CONDITION")]
    filter: Option<String>,
    /// How many bins to draw at most, or how many values
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    bins: Option<u16>,
    /// How many groups to draw at most, of those that --by makes
    #[arg(long, value_name = "N", default_value = "8", requires = "by", value_parser = clap::value_parser!(u16).range(1..=100))]
    groups: u16,
    /// Draw the values that are far from all others, too
    #[arg(long)]
    full: bool,
    /// Write an SVG to this file, instead of drawing in the terminal
    #[arg(long, value_name = "FILE.svg")]
    out: Option<PathBuf>,
}

/// Values that are drawn as names, unless it is said how many.
const VALUES: usize = 20;
/// Bins of an SVG, unless it is said how many.
const SVG_BINS: usize = 60;

impl Plot {
    pub(crate) fn run(&self) -> Result<Outcome> {
        if let Some(path) = &self.out
            && path.extension().is_none_or(|suffix| !suffix.eq_ignore_ascii_case("svg"))
        {
            return wrong_use(format!("{} is no name of an SVG; give it the suffix .svg", path.display()));
        }
        let db = open::to_read(&self.db)?;
        let read = db.read()?;
        let table = read.table::<Dyn>(&self.table)?;
        let columns = if self.out.is_some() { SVG_BINS } else { text::columns() };
        let field = one_column("--field", &self.field)?;
        let by = self.by.as_ref().map(|by| one_column("--by", by)).transpose()?;
        let filter = self.filter.as_ref().map(|text| text.parse::<Predicate>());
        let asked = Asked {
            field,
            by,
            filter: filter.transpose().map_err(|error| error.within("--where"))?,
            bins: self.bins.map_or(columns, usize::from),
            values: self.bins.map_or(VALUES, usize::from),
            groups: self.groups.into(),
            full: self.full,
        };
        let chart = collect(&table, &asked).map_err(|error| collect::within_table(error, &self.table))?;
        match &self.out {
            None => report(&text::draw(&chart))?,
            Some(path) => {
                let by = chart.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
                let filter =
                    self.filter.as_ref().map(|filter| format!(" where {filter}")).unwrap_or_default();
                let title = format!("{} of {}{by}{filter}", chart.field, self.table);
                write(path, &svg::draw(&chart, &title)?)?;
                report(&format!("{}: {}", path.display(), summary(&chart)))?;
            }
        }
        Ok(Outcome::Done)
    }
}

fn one_column(option: &str, text: &str) -> Result<Expr> {
    let mut columns = parse_exprs(text).map_err(|error| error.within(option))?;
    match (columns.pop(), columns.is_empty()) {
        (Some(column), true) => Ok(column),
        _ => wrong_use(format!("{option} takes one field, not {text:?}")),
    }
}

/// Writes a file, whole or not at all.
fn write(path: &Path, text: &str) -> Result<()> {
    let failed = |error| Error::io(format_args!("cannot write {}", path.display()), error);
    let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    let file = tempfile::Builder::new().prefix(".drystone-").make_in(folder, |path| File::create_new(path));
    let mut file = file.map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    file.persist(path).map(drop).map_err(|error| failed(error.error))
}

/// What there is in all, in a line.
fn summary(chart: &Chart) -> String {
    let all = &chart.summary;
    let mut text = format!("{} values", HumanCount(all.rows - all.nulls));
    if all.nulls > 0 {
        text.push_str(&format!(", {} null", HumanCount(all.nulls)));
    }
    if let Scale::Bins(axis) = &chart.scale {
        let (low, high) = (axis.kind.exact(all.low), axis.kind.exact(all.high));
        text.push_str(&format!("; least {low}, greatest {high}"));
        if matches!(axis.kind, axis::Kind::Whole | axis::Kind::Real) {
            text.push_str(&format!(", mean {}", axis.fine(all.mean())));
        }
    }
    text
}

/// What of a group is not drawn, if there is any.
fn left_out(panel: &Panel, scale: &Scale) -> Option<String> {
    let mut parts = Vec::new();
    match scale {
        Scale::Bins(axis) => {
            let label = |bin: usize| axis.kind.label(axis.edge(bin), axis.width);
            if panel.below > 0 {
                parts.push(format!("{} below {}", HumanCount(panel.below), label(0)));
            }
            if panel.above > 0 {
                parts.push(format!("{} from {} on", HumanCount(panel.above), label(axis.bins)));
            }
        }
        Scale::Values(_, others) if panel.others > 0 => {
            parts.push(format!(
                "{} of {} other values",
                HumanCount(panel.others),
                HumanCount(*others as u64)
            ));
        }
        Scale::Values(..) => {}
    }
    if panel.nulls > 0 {
        parts.push(format!("{} null", HumanCount(panel.nulls)));
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// The groups that are not drawn, if there are any.
fn other_groups(chart: &Chart) -> Option<String> {
    let (groups, rows) = chart.other_groups;
    let by = chart.by.as_deref()?;
    let what = if groups == 1 { "other value" } else { "other values" };
    (groups > 0).then(|| {
        format!("not drawn: {} rows with {} {what} of {by}", HumanCount(rows), HumanCount(groups as u64))
    })
}
