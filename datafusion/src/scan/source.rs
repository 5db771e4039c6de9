//! `Source`: the file source that reads parts of tables in batches.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{RecordBatch, RecordBatchOptions};
use datafusion::arrow::compute::filter_record_batch;
use datafusion::arrow::datatypes::{Schema as ArrowSchema, SchemaRef};
use datafusion::common::cast::as_boolean_array;
use datafusion::common::config::ConfigOptions;
use datafusion::common::internal_err;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileOpenFuture, FileOpener, FileScanConfig, FileSource};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::Result;
use datafusion::physical_expr::expressions::DynamicFilterTracking;
use datafusion::physical_expr::projection::{ProjectionExpr, ProjectionExprs};
use datafusion::physical_expr::utils::reassign_expr_columns;
use datafusion::physical_plan::filter_pushdown::{FilterPushdownPropagation, PushedDown};
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::physical_plan::{DisplayFormatType, PhysicalExpr};
use datafusion_datasource::projection::{ProjectionOpener, SplitProjection};
use drystone::Schema;
use drystone::query::{Column, Predicate, Query, col};
use futures::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};
use object_store::ObjectStore;

use super::{Part, Run};
use crate::arrow_versions::{encoder, to_engine, to_engine_schema};
use crate::error::external;

/// How the rows of parts are read: the filter, the columns, and how many rows at a time.
#[derive(Clone)]
pub(crate) struct Source {
    pub(crate) schema: Schema,
    table_schema: TableSchema,
    /// The conditions that the library tests. They are no `filter()` of the file source, because
    /// the statistics of the scan count the rows that pass.
    pub(crate) predicate: Option<Predicate>,
    /// What `explain` shows of the access.
    pub(crate) access: Option<Arc<str>>,
    projection: SplitProjection,
    /// Filters that other operators make while the query runs.
    dynamic: Vec<Arc<dyn PhysicalExpr>>,
    batch_rows: usize,
    metrics: ExecutionPlanMetricsSet,
}

impl Source {
    pub(crate) fn new(schema: &Schema, predicate: Option<Predicate>) -> Result<Source> {
        let table_schema = TableSchema::from(to_engine_schema(schema)?);
        Ok(Source {
            schema: schema.clone(),
            projection: SplitProjection::unprojected(&table_schema),
            table_schema,
            predicate,
            access: None,
            dynamic: Vec::new(),
            batch_rows: 8192,
            metrics: ExecutionPlanMetricsSet::new(),
        })
    }

    /// The schema of the table.
    pub(crate) fn arrow(&self) -> &SchemaRef {
        self.table_schema.table_schema()
    }

    /// The columns of the batches.
    pub(crate) fn columns(&self) -> &[ProjectionExpr] {
        self.projection.source.as_ref()
    }

    /// The same with these columns and expressions of them.
    pub(crate) fn with_projection(mut self, projection: &ProjectionExprs) -> Source {
        self.projection = SplitProjection::new(self.table_schema.file_schema(), projection);
        self
    }
}

impl FileSource for Source {
    fn create_file_opener(
        &self,
        _store: Arc<dyn ObjectStore>,
        _config: &FileScanConfig,
        _partition: usize,
    ) -> Result<Arc<dyn FileOpener>> {
        let columns = self.projection.file_indices.clone();
        let arrow = Arc::new(self.table_schema.file_schema().project(&columns)?);
        let dynamic = self.dynamic.iter().filter_map(|filter| onto(filter, &arrow));
        let opener = PartOpener {
            dynamic: dynamic.collect(),
            schema: self.schema.clone(),
            arrow,
            columns,
            predicate: self.predicate.clone(),
            batch_rows: self.batch_rows,
        };
        ProjectionOpener::try_new(self.projection.clone(), Arc::new(opener), self.table_schema.file_schema())
    }

    fn table_schema(&self) -> &TableSchema {
        &self.table_schema
    }

    fn with_batch_size(&self, batch_size: usize) -> Arc<dyn FileSource> {
        Arc::new(Source { batch_rows: batch_size, ..self.clone() })
    }

    fn projection(&self) -> Option<&ProjectionExprs> {
        Some(&self.projection.source)
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        &self.metrics
    }

    fn file_type(&self) -> &str {
        "drystone"
    }

    fn fmt_extra(&self, kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut part = |name: &str, value: &dyn fmt::Display| match kind {
            DisplayFormatType::TreeRender => writeln!(f, "{name}={value}"),
            _ => write!(f, ", {name}={value}"),
        };
        if let Some(predicate) = &self.predicate {
            part("predicate", predicate)?;
        }
        if let Some(access) = &self.access {
            part("read_by", access)?;
        }
        self.dynamic.iter().try_for_each(|filter| part("dynamic", filter))
    }

    /// A file of a scan is rows by number, not bytes: the table is cut when the scan is planned.
    fn supports_repartitioning(&self) -> bool {
        false
    }

    /// Takes filters that change while the query runs, to leave rows out early. The operator that
    /// made them does not rely on it. Other filters were offered to the table when it was planned.
    fn try_pushdown_filters(
        &self,
        filters: Vec<Arc<dyn PhysicalExpr>>,
        _config: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn FileSource>>> {
        let pushed = vec![PushedDown::No; filters.len()];
        let dynamic = filters
            .into_iter()
            .filter(|filter| DynamicFilterTracking::classify(filter).contains_dynamic_filter());
        let mut source = self.clone();
        source.dynamic.extend(dynamic);
        let result = FilterPushdownPropagation::with_parent_pushdown_result(pushed);
        Ok(result.with_updated_node(Arc::new(source)))
    }

    fn try_pushdown_projection(&self, projection: &ProjectionExprs) -> Result<Option<Arc<dyn FileSource>>> {
        let merged = self.projection.source.try_merge(projection)?;
        Ok(Some(Arc::new(self.clone().with_projection(&merged))))
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        let roots = self.projection.source.iter().map(|projected| &projected.expr).chain(&self.dynamic);
        for root in roots {
            if f(root)? == TreeNodeRecursion::Stop {
                return Ok(TreeNodeRecursion::Stop);
            }
        }
        Ok(TreeNodeRecursion::Continue)
    }
}

/// A filter over the columns that are read, if it uses no others.
fn onto(filter: &Arc<dyn PhysicalExpr>, columns: &ArrowSchema) -> Option<Arc<dyn PhysicalExpr>> {
    reassign_expr_columns(Arc::clone(filter), columns).ok()
}

/// Opens parts, for one partition of a scan.
#[derive(Clone)]
struct PartOpener {
    schema: Schema,
    /// The columns that are read, as the batches have them.
    arrow: SchemaRef,
    columns: Vec<usize>,
    predicate: Option<Predicate>,
    dynamic: Vec<Arc<dyn PhysicalExpr>>,
    batch_rows: usize,
}

impl FileOpener for PartOpener {
    fn open(&self, file: PartitionedFile) -> Result<FileOpenFuture> {
        let Some(Run(parts)) = file.extension::<Run>().cloned() else {
            return internal_err!("{} is not a part of a Drystone table", file.path());
        };
        let opener = self.clone();
        let batches = stream::iter(parts).map(move |part| opener.batches(part)).try_flatten();
        Ok(Box::pin(std::future::ready(Ok(batches.boxed()))))
    }
}

impl PartOpener {
    /// The batches of a part. They are read when they are asked for, one at a time.
    fn batches(&self, part: Part) -> Result<BoxStream<'static, Result<RecordBatch>>> {
        let PartOpener { schema, arrow, columns, predicate, dynamic, batch_rows } = self.clone();
        let table = part.file.open(&part.table, &schema)?;
        let passing = Passing { predicate, numbers: part.numbers, batch_rows };
        let without_columns = columns.is_empty();
        if without_columns {
            let reading = passing.among(table.as_table().query()).reading().map_err(external)?;
            if reading.is_exact {
                return Ok(counts(reading.rows, batch_rows, arrow));
            }
        }
        // To count the rows that pass, the narrowest column is enough.
        let narrowest = schema.fields().iter().min_by_key(|field| field.width());
        let read = columns.iter().map(|column| &schema.fields()[*column]);
        let read = read.chain(narrowest.filter(|_| without_columns));
        let read: Vec<Column> = read.map(|field| col(field.name())).collect();
        let in_file = move |error: drystone::Error| external(error.within(&part.file));
        let rows = table.stream(|all| passing.among(all).select(read)).map_err(&in_file)?;
        let mut encoding = None;
        let batches = rows.map(move |rows| {
            let rows = rows.map_err(&in_file)?;
            if without_columns {
                return count(rows.len(), &arrow);
            }
            let encoder = encoding.get_or_insert_with(|| encoder(rows.schema()));
            let batch = encoder.batch(rows.as_bytes()).map_err(&in_file)?;
            narrowed(to_engine(&batch, &arrow)?, &dynamic)
        });
        Ok(stream::iter(batches).boxed())
    }
}

/// Which rows are read.
struct Passing {
    predicate: Option<Predicate>,
    numbers: Option<Range<u64>>,
    batch_rows: usize,
}

impl Passing {
    fn among<'t>(&self, all: Query<'t>) -> Query<'t> {
        let query = self.predicate.iter().cloned().fold(all, Query::filter);
        self.numbers.iter().cloned().fold(query, Query::numbers).batch_rows(self.batch_rows)
    }
}

/// The rows that pass filters as they are now.
fn narrowed(mut batch: RecordBatch, dynamic: &[Arc<dyn PhysicalExpr>]) -> Result<RecordBatch> {
    for filter in dynamic {
        if batch.num_rows() > 0 {
            let mask = filter.evaluate(&batch)?.into_array(batch.num_rows())?;
            batch = filter_record_batch(&batch, as_boolean_array(&mask)?)?;
        }
    }
    Ok(batch)
}

/// A batch without columns.
fn count(rows: usize, schema: &SchemaRef) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), Vec::new(), &options)?)
}

/// This number of rows as batches without columns.
fn counts(rows: u64, batch_rows: usize, schema: SchemaRef) -> BoxStream<'static, Result<RecordBatch>> {
    let mut left = rows;
    let batches = std::iter::from_fn(move || {
        let now = left.min(batch_rows as u64);
        left -= now;
        (now > 0).then(|| count(now as usize, &schema))
    });
    stream::iter(batches).boxed()
}
