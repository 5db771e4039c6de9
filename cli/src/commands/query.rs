//! `drystone query`: rows filtered, grouped, aggregated and sorted. The library parses and answers
//! the query; this file passes it the options, and prints the rows.

use std::path::PathBuf;

use clap::Args;
use drystone::{Dyn, Error, Result};
use indicatif::HumanCount;

use crate::formats::Format;
use crate::formats::asked::Asked;
use crate::formats::output::Printer;
use crate::formats::target::Target;
use crate::open;
use crate::report::{Outcome, report};

/// Print the rows that match a condition, or aggregates of them
#[derive(Args)]
#[command(after_help = "\
A condition compares fields with values: 'carrier = \"UA\" and (dep_delay > 60 or dep_delay is null)'.
  = != < <= > >=    between 1 and 5    in (1, 2)    is null    starts with \"N1\"    and or not ( )
Dates and timestamps are texts: time_hour >= \"2013-07-04\". A field is a name, a name in back quotes,
or a byte offset and a type: at(12, i16). A comparison with null is never true; null sorts as the lowest value.
floor(x, 100) in --group-by rounds numbers down to steps, floor(time, 15 min) timestamps and dates: ns us ms s min h d.")]
pub(crate) struct Query {
    /// The database file
    db: PathBuf,
    /// The table
    table: String,
    /// Only rows for which this condition is true
    #[arg(long = "where", value_name = "CONDITION")]
    filter: Option<String>,
    /// The fields to print; `delay as late` renames one
    #[arg(long, value_name = "A,B", conflicts_with_all = ["group_by", "aggregate"])]
    select: Option<String>,
    /// Print a line for each group of rows that agree in these fields, or in steps of them:
    /// carrier, floor(time, 1 h) as hour
    #[arg(long, value_name = "LIST")]
    group_by: Option<String>,
    /// What to compute, for each group or for all rows: count, count(x), count_distinct(x), sum(x),
    /// min(x), max(x), mean(x), first(x), last(x); `as` gives a name
    #[arg(long, value_name = "LIST")]
    aggregate: Option<String>,
    /// What to sort by, with a minus for the greatest first: -count,carrier
    #[arg(long, value_name = "LIST", allow_hyphen_values = true)]
    order_by: Option<String>,
    /// Print at most this many lines
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// Print each line once, sorted
    #[arg(long, conflicts_with_all = ["group_by", "aggregate"])]
    distinct: bool,
    /// Print the plan of the query instead of its answer
    #[arg(long)]
    explain: bool,
    /// Use at most this many threads; by default one per processor
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// How to print; if this is left out, as the name of --out tells, or as a table
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,
    /// Write to this file, as drystone export does, and not to standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Query {
    pub(crate) fn run(&self) -> Result<Outcome> {
        let db = open::to_read(&self.db)?;
        let read = db.read()?;
        let query = self.query(read.table::<Dyn>(&self.table)?.query())?;
        let place = |error: Error| error.within(format_args!("table {:?}", self.table));
        if self.explain {
            report(query.explain().map_err(place)?.trim_end())?;
            return Ok(Outcome::Done);
        }
        let stream = query.stream().map_err(place)?;
        let schema = stream.schema().clone();
        let target = match &self.out {
            Some(path) => Target::open(path, &[&self.db])?,
            None => Target::stdout(),
        };
        let (is_file, name) = (target.is_file(), target.name().to_owned());
        let named = self.out.as_ref().and_then(|path| Format::of_name(path));
        let format = self.format.or(named).unwrap_or(Format::Table);
        let mut printer = Printer::to(format, &schema, None, target)?;
        let mut rows = 0;
        let mut printed = Ok(Outcome::Done);
        for batch in stream {
            match batch {
                Ok(batch) => {
                    rows += batch.len() as u64;
                    printer.records(&schema, batch.as_bytes())?;
                }
                // A file is written only if it is whole.
                Err(error) if is_file => return Err(error),
                Err(error) => printed = Err(error),
            }
        }
        // Rows before an error are printed in any case.
        printer.finish()?;
        if is_file {
            report(&format!("{} rows written to {name}", HumanCount(rows)))?;
        }
        printed
    }

    fn query<'t>(&self, query: drystone::query::Query<'t>) -> Result<drystone::query::Query<'t>> {
        let asked = Asked {
            dashes: "--",
            filter: self.filter.as_deref(),
            select: self.select.as_deref(),
            group_by: self.group_by.as_deref(),
            aggregate: self.aggregate.as_deref(),
            order_by: self.order_by.as_deref(),
            distinct: self.distinct,
            limit: self.limit,
        };
        let query = asked.apply(query)?;
        Ok(match self.threads {
            Some(threads) => query.threads(threads),
            None => query,
        })
    }
}
