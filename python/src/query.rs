//! Questions in the query language of the library.

use drystone::query::{Aggregate, Expr, Order, Predicate, Query, QueryRows};
use drystone::{Dyn, Result, Table};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// A question, in the texts of the query language.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Question {
    filters: Vec<String>,
    select: Vec<String>,
    group_by: Vec<String>,
    aggregates: Vec<String>,
    order_by: Vec<String>,
    limit: Option<u64>,
    distinct: bool,
}

impl Question {
    fn query<'t>(&self, table: Table<'t, Dyn>) -> Result<Query<'t>> {
        fn parsed<T: std::str::FromStr<Err = drystone::Error>>(texts: &[String]) -> Result<Vec<T>> {
            texts.iter().map(|text| text.parse()).collect()
        }
        let mut query = table.query();
        for filter in parsed::<Predicate>(&self.filters)? {
            query = query.filter(filter);
        }
        query = query
            .select(parsed::<Expr>(&self.select)?)
            .group_by(parsed::<Expr>(&self.group_by)?)
            .aggregate(parsed::<Aggregate>(&self.aggregates)?)
            .order_by(parsed::<Order>(&self.order_by)?);
        if let Some(limit) = self.limit {
            query = query.limit(limit);
        }
        Ok(if self.distinct { query.distinct() } else { query })
    }

    pub(crate) fn run(&self, table: Table<'_, Dyn>) -> Result<QueryRows> {
        self.query(table)?.run()
    }

    pub(crate) fn explain(&self, table: Table<'_, Dyn>) -> Result<String> {
        self.query(table)?.explain()
    }
}

/// Of each field of an answer: name, type, nullable; then the packed records.
#[derive(IntoPyObject)]
pub(crate) struct Answer<'py>(Vec<(String, String, bool)>, Bound<'py, PyBytes>);

impl<'py> Answer<'py> {
    pub(crate) fn new(py: Python<'py>, rows: QueryRows) -> PyResult<Answer<'py>> {
        let fields = rows.schema().fields().iter();
        let fields =
            fields.map(|field| (field.name().to_owned(), field.ty().to_string(), field.is_nullable()));
        Ok(Answer(fields.collect(), PyBytes::new(py, rows.as_bytes())))
    }
}
