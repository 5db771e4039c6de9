//! `drystone plot`: the distribution of the values of a field, in the terminal or as an SVG.
//! `collect` counts, on an axis of `axis`; `text` and `svg` draw.

mod axis;
mod captions;
mod collect;
mod svg;
mod text;

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use drystone::query::{Expr, Predicate, parse_exprs};
use drystone::{Dyn, Result};

use crate::formats::Compression;
use crate::formats::target::Target;
use crate::open;
use crate::report::{Outcome, failed, report, wrong_use};
use captions::summary;
use collect::{Asked, Chart, collect};

/// Draw a histogram of a field: numbers, dates and timestamps in bins, other values by frequency
///
/// If a few values are far from all others, half a percent at either end is counted but not drawn.
#[derive(Args)]
pub(crate) struct Plot {
    /// The database file
    db: PathBuf,
    /// The table
    table: String,
    /// The field: a name, or a byte offset and a type such as at(12, i16)
    #[arg(long, value_name = "FIELD")]
    field: String,
    /// Draw one histogram for each value of this field, the most frequent first
    #[arg(long, value_name = "FIELD")]
    by: Option<String>,
    /// Only rows for which this condition is true; see drystone query --help
    #[arg(long = "where", value_name = "CONDITION")]
    filter: Option<String>,
    /// Draw at most this many bins, or values
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    bins: Option<u16>,
    /// Draw at most this many of the groups that --by makes
    #[arg(long, value_name = "N", default_value = "8", requires = "by", value_parser = clap::value_parser!(u16).range(1..=100))]
    groups: u16,
    /// Draw also the values that are far from all others
    #[arg(long)]
    full: bool,
    /// Write an SVG to this file instead of drawing in the terminal; - is standard output
    #[arg(long, value_name = "FILE.svg")]
    out: Option<PathBuf>,
}

/// How many values are drawn as names, without `--bins`.
const VALUES: usize = 20;
/// How many bins an SVG has, without `--bins`.
const SVG_BINS: usize = 60;

impl Plot {
    pub(crate) fn run(&self) -> Result<Outcome> {
        self.check_name()?;
        let db = open::to_read(&self.db)?;
        let read = db.read()?;
        let table = read.table::<Dyn>(&self.table)?;
        let chart =
            collect(&table, &self.asked()?).map_err(|error| collect::within_table(error, &self.table))?;
        match &self.out {
            None => report(&text::draw(&chart))?,
            Some(path) => {
                let mut target = Target::open(path, &[&self.db])?;
                let drawn = svg::draw(&chart, &self.title(&chart))?;
                target.write_all(drawn.as_bytes()).map_err(failed)?;
                let is_stdout = target.is_stdout();
                target.finish()?;
                if !is_stdout {
                    report(&format!("{}: {}", path.display(), summary(&chart)))?;
                }
            }
        }
        Ok(Outcome::Done)
    }

    /// Refuses the name of a new file that is not that of an SVG.
    fn check_name(&self) -> Result<()> {
        let Some(path) = &self.out else { return Ok(()) };
        let plain = if Compression::of_name(path).is_some() { path.with_extension("") } else { path.clone() };
        let is_svg = plain.extension().is_some_and(|suffix| suffix.eq_ignore_ascii_case("svg"));
        let is_file = path.metadata().map_or(path != Path::new("-"), |found| found.is_file());
        if is_file && !is_svg {
            return wrong_use(format!(
                "{} is not the name of an SVG; give it the suffix .svg",
                path.display()
            ));
        }
        Ok(())
    }

    fn asked(&self) -> Result<Asked> {
        let columns = if self.out.is_some() { SVG_BINS } else { text::columns() };
        let filter = self.filter.as_ref().map(|text| text.parse::<Predicate>());
        Ok(Asked {
            field: one_column("--field", &self.field)?,
            by: self.by.as_ref().map(|by| one_column("--by", by)).transpose()?,
            filter: filter.transpose().map_err(|error| error.within("--where"))?,
            bins: self.bins.map_or(columns, usize::from),
            values: self.bins.map_or(VALUES, usize::from),
            groups: self.groups.into(),
            full: self.full,
        })
    }

    fn title(&self, chart: &Chart) -> String {
        let by = chart.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
        let filter = self.filter.as_ref().map(|filter| format!(" where {filter}")).unwrap_or_default();
        format!("{} of {}{by}{filter}", chart.field, self.table)
    }
}

fn one_column(option: &str, text: &str) -> Result<Expr> {
    let mut columns = parse_exprs(text).map_err(|error| error.within(option))?;
    match (columns.pop(), columns.is_empty()) {
        (Some(column), true) => Ok(column),
        _ => wrong_use(format!("{option} takes one field, not {text:?}")),
    }
}
