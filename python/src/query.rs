//! Questions in the query language of the library.

use drystone::query::{Aggregate, Expr, Order, Predicate, Query, QueryRows};
use drystone::{Dyn, Result, Table};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// A question, in the texts of the query language: filters, fields, groups, aggregates, orders, the
/// greatest number of rows, and whether each row comes once.
#[derive(FromPyObject)]
pub(crate) struct Question(
    Vec<String>,
    Vec<String>,
    Vec<String>,
    Vec<String>,
    Vec<String>,
    Option<u64>,
    bool,
);

impl Question {
    fn query<'t>(&self, table: Table<'t, Dyn>) -> Result<Query<'t>> {
        fn parsed<T: std::str::FromStr<Err = drystone::Error>>(texts: &[String]) -> Result<Vec<T>> {
            texts.iter().map(|text| text.parse()).collect()
        }
        let Question(filters, select, group_by, aggregates, order_by, limit, distinct) = self;
        let mut query = table.query();
        for filter in parsed::<Predicate>(filters)? {
            query = query.filter(filter);
        }
        query = query
            .select(parsed::<Expr>(select)?)
            .group_by(parsed::<Expr>(group_by)?)
            .aggregate(parsed::<Aggregate>(aggregates)?)
            .order_by(parsed::<Order>(order_by)?);
        if let Some(limit) = *limit {
            query = query.limit(limit);
        }
        Ok(if *distinct { query.distinct() } else { query })
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
