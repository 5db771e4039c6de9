//! A query as texts: conditions and lists in the grammar of the library, each with the name that it
//! has in messages. `query` and `mcp` use it.

use drystone::query::{Predicate, Query, parse_aggregates, parse_exprs, parse_orders};
use drystone::{Error, Result};

/// The parts of a query that are given. `dashes` stand before their names in messages.
#[derive(Default)]
pub(crate) struct Asked<'a> {
    pub(crate) dashes: &'static str,
    pub(crate) filter: Option<&'a str>,
    pub(crate) select: Option<&'a str>,
    pub(crate) group_by: Option<&'a str>,
    pub(crate) aggregate: Option<&'a str>,
    pub(crate) order_by: Option<&'a str>,
    pub(crate) distinct: bool,
    pub(crate) limit: Option<u64>,
}

impl Asked<'_> {
    /// Adds the parts to a query.
    pub(crate) fn apply<'t>(&self, mut query: Query<'t>) -> Result<Query<'t>> {
        if let Some(filter) = self.filter {
            let predicate: Predicate = filter.parse().map_err(|error| self.place("where", error))?;
            query = query.filter(predicate);
        }
        query = query
            .select(self.list(["select", "select"], self.select, parse_exprs)?)
            .group_by(self.list(["group-by", "group_by"], self.group_by, parse_exprs)?)
            .aggregate(self.list(["aggregate", "aggregate"], self.aggregate, parse_aggregates)?)
            .order_by(self.list(["order-by", "order_by"], self.order_by, parse_orders)?);
        if let Some(rows) = self.limit {
            query = query.limit(rows);
        }
        Ok(if self.distinct { query.distinct() } else { query })
    }

    /// Reads a list. Its name is the first one after dashes, else the second.
    fn list<T>(
        &self,
        names: [&str; 2],
        text: Option<&str>,
        read: impl Fn(&str) -> Result<Vec<T>>,
    ) -> Result<Vec<T>> {
        let name = if self.dashes.is_empty() { names[1] } else { names[0] };
        text.map_or(Ok(Vec::new()), |text| read(text).map_err(|error| self.place(name, error)))
    }

    fn place(&self, name: &str, error: Error) -> Error {
        error.within(format_args!("{}{name}", self.dashes))
    }
}
