//! `DrystoneTable`: a table of a database, or of a folder of shards, as a table of DataFusion.

use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::pruning::PrunableStatistics;
use datafusion::common::stats::Precision;
use datafusion::common::{DFSchema, Statistics};
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::dml::InsertOp;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_optimizer::pruning::PruningPredicateBuilder;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::ProjectionExec;
use drystone::query::{Predicate, Reading};
use drystone::{Database, Dyn, OwnedTable, Schema, Shards};

use crate::arrow_versions::to_engine_schema;
use crate::error::external;
use crate::filter::predicate;
use crate::insert;
use crate::scan::{Opener, Part, Piece, Place, Run, ScanBuilder, Source, TableFile};
use crate::statistics;

/// Another partition pays only for at least this many rows.
const PARTITION_ROWS: u64 = 1 << 16;

/// A table of a database, or of a folder of shards, as DataFusion's [`TableProvider`].
///
/// It reads one state, which it holds: commits that are made later are not seen. Comparisons of a
/// column with a literal, `IN`, null tests and prefixes of text are tested by the library, through
/// ranges of the key and indexes where they help. Everything else is left to DataFusion.
#[derive(Clone)]
pub struct DrystoneTable {
    pub(crate) schema: Schema,
    arrow: SchemaRef,
    pub(crate) name: Arc<str>,
    /// In the order of the key.
    pub(crate) shards: Arc<[Shard]>,
    /// Whether the plan may look into the files. A scheduler leaves that to the executors.
    pub(crate) opens: bool,
    /// Whether the shards may be on nodes of their own, so that no two can be given to one task.
    pub(crate) is_apart: bool,
    /// Where rows are inserted, if they can be.
    database: Option<Arc<Database>>,
}

/// One file of a table, with what is known of its rows.
pub(crate) struct Shard {
    pub(crate) file: Arc<TableFile>,
    pub(crate) statistics: Statistics,
}

impl DrystoneTable {
    /// A table of an open database, at its newest state.
    ///
    /// # Errors
    /// `TableNotFound` if there is no such table, as an external error.
    pub fn new(database: &Arc<Database>, name: &str) -> Result<DrystoneTable> {
        DrystoneTable::of(database.table::<Dyn>(name).map_err(external)?, database)
    }

    /// A table at the state that it holds.
    pub(crate) fn of(table: OwnedTable<Dyn>, database: &Arc<Database>) -> Result<DrystoneTable> {
        let (name, schema) = (table.name().into(), table.as_table().schema().clone());
        let path = database.path().map(std::path::absolute).transpose()?;
        let place = path.map_or(Place::Memory, |path| Place::Database { path });
        let statistics = statistics::of(&table).map_err(external)?;
        let transaction = table.snapshot().transaction();
        let file = TableFile { place, transaction, opener: None, held: OnceLock::from(table) };
        let shards = vec![Shard { file: Arc::new(file), statistics }];
        let made = DrystoneTable::of_shards(name, schema, shards, true)?;
        Ok(DrystoneTable { database: Some(Arc::clone(database)), ..made })
    }

    /// The table whose shards are in a folder. A shard is opened when its rows are read.
    ///
    /// # Errors
    /// As for [`Shards::open`], as an external error.
    pub fn open_shards(folder: impl AsRef<Path>, opener: &Opener) -> Result<DrystoneTable> {
        let shards = Shards::open(folder).map_err(external)?;
        let transaction = shards.transaction();
        let files = shards.iter().enumerate().map(|(number, shard)| {
            let (folder, file_name) = (shards.folder().to_path_buf(), shard.file_name().into());
            let (id, own, searched) = (shard.id(), Arc::default(), Arc::default());
            let listed = Some(Arc::new(shard.clone()));
            let place = Place::Shard { folder, own, number, file_name, id, listed, searched };
            let file =
                TableFile { place, transaction, opener: Some(Arc::clone(opener)), held: OnceLock::new() };
            Ok(Shard { file: Arc::new(file), statistics: statistics::of_shard(shard).map_err(external)? })
        });
        let files = files.collect::<Result<Vec<_>>>()?;
        DrystoneTable::of_shards(shards.table().into(), shards.schema().clone(), files, true)
    }

    /// A table in files that are in the order of the key.
    pub(crate) fn of_shards(
        name: Arc<str>,
        schema: Schema,
        shards: Vec<Shard>,
        opens: bool,
    ) -> Result<DrystoneTable> {
        let arrow = to_engine_schema(&schema)?;
        Ok(DrystoneTable {
            schema,
            arrow,
            name,
            shards: shards.into(),
            opens,
            is_apart: false,
            database: None,
        })
    }

    /// The name of the table in its database.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The conditions that the library tests, as one predicate, and the other ones.
    fn pushed(&self, filters: &[Expr]) -> (Option<Predicate>, Vec<Expr>) {
        let (mut pushed, mut rest) = (None::<Predicate>, Vec::new());
        for filter in filters {
            match predicate(filter, &self.schema) {
                Some(part) => pushed = Some(pushed.map_or(part.clone(), |pushed| pushed.and(part))),
                None => rest.push(filter.clone()),
            }
        }
        (pushed, rest)
    }

    fn plan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        predicate: Option<Predicate>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut scans = Vec::new();
        for shard in self.kept(state, filters)? {
            let reading = self.reading(shard, predicate.as_ref())?;
            if reading.as_ref().is_none_or(|reading| reading.rows > 0) {
                let known = shard.statistics.clone();
                let known = statistics::passing(known, predicate.is_some(), reading.as_ref());
                scans.push(Scan { shard, reading, known });
            }
        }
        if scans.is_empty() {
            // A scan without partitions would not satisfy the operators above it.
            let schema = match projection {
                Some(columns) => Arc::new(self.arrow.project(columns)?),
                None => Arc::clone(&self.arrow),
            };
            return Ok(Arc::new(EmptyExec::new(schema)));
        }
        let total = statistics::sum(scans.iter().map(|scan| &scan.known), &self.arrow);
        let total = if limit.is_some() { total.to_inexact() } else { total };
        let mut source = Source::new(&self.schema, predicate)?;
        source.access = access(&scans);
        let most = state.config().target_partitions();
        let most = if self.is_apart { most.max(scans.len()) } else { most };
        let builder = ScanBuilder {
            source,
            pieces: pieces(&scans, &self.name, most),
            statistics: total,
            projection: projection.cloned(),
            limit,
        };
        Ok(DataSourceExec::from_data_source(builder.build()?))
    }

    /// The plan with a condition that the library does not test. DataFusion has offered the
    /// condition in a form that it does, and has rewritten it since.
    fn filtered(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        predicate: Option<Predicate>,
        filters: &[Expr],
        rest: Expr,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let all = self.plan(state, None, predicate, filters, None)?;
        let condition = state.create_physical_expr(rest, &DFSchema::try_from(Arc::clone(&self.arrow))?)?;
        let filter = Arc::new(FilterExec::try_new(condition, all)?);
        let Some(projection) = projection else { return Ok(filter) };
        let columns = ProjectionExprs::from_indices(projection, &self.arrow);
        Ok(Arc::new(ProjectionExec::try_new(columns.as_ref().to_vec(), filter)?))
    }

    /// Which shards may have rows that pass, by what is known of them.
    fn kept(&self, state: &dyn Session, filters: &[Expr]) -> Result<Vec<&Shard>> {
        let all = self.shards.iter();
        let Some(condition) = conjunction(filters.iter().cloned()).filter(|_| self.shards.len() > 1) else {
            return Ok(all.collect());
        };
        let known = all.clone().map(|shard| Arc::new(shard.statistics.clone())).collect();
        let known = PrunableStatistics::new(known, Arc::clone(&self.arrow));
        let condition =
            state.create_physical_expr(condition, &DFSchema::try_from(Arc::clone(&self.arrow))?)?;
        let pruning =
            PruningPredicateBuilder::new().with_file_schema(Arc::clone(&self.arrow)).try_build(condition)?;
        let kept = pruning.prune(&known)?;
        Ok(all.zip(kept).filter(|(_, is_kept)| *is_kept).map(|(shard, _)| shard).collect())
    }

    /// What would be read of a shard, if the plan may look into it.
    fn reading(&self, shard: &Shard, predicate: Option<&Predicate>) -> Result<Option<Reading>> {
        if !self.opens {
            return Ok(None);
        }
        let table = shard.file.open(&self.name, &self.schema)?;
        let query =
            predicate.into_iter().cloned().fold(table.as_table().query(), |query, part| query.filter(part));
        query.reading().map(Some).map_err(external)
    }
}

#[async_trait]
impl TableProvider for DrystoneTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.arrow)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let pushed = filters.iter().map(|filter| match predicate(filter, &self.schema) {
            Some(_) => TableProviderFilterPushDown::Exact,
            None => TableProviderFilterPushDown::Unsupported,
        });
        Ok(pushed.collect())
    }

    fn statistics(&self) -> Option<Statistics> {
        Some(statistics::sum(self.shards.iter().map(|shard| &shard.statistics), &self.arrow))
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let (predicate, rest) = self.pushed(filters);
        if let Some(rest) = conjunction(rest) {
            return self.filtered(state, projection, predicate, filters, rest);
        }
        self.plan(state, projection, predicate, filters, limit)
    }

    async fn insert_into(
        &self,
        _state: &dyn Session,
        input: Arc<dyn ExecutionPlan>,
        op: InsertOp,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let Some(database) = &self.database else {
            return Err(DataFusionError::Plan(format!(
                "table {:?} is a folder of shards, which cannot be inserted into; load the rows into a database and \
                 shard it again",
                self.name
            )));
        };
        insert::plan(database, &self.name, &self.schema, &self.arrow, input, op)
    }
}

/// What is read of a shard.
struct Scan<'s> {
    shard: &'s Shard,
    reading: Option<Reading>,
    known: Statistics,
}

impl Scan<'_> {
    fn rows(&self) -> u64 {
        match self.known.num_rows {
            Precision::Exact(rows) | Precision::Inexact(rows) => rows as u64,
            Precision::Absent => PARTITION_ROWS,
        }
    }

    fn part(&self, name: &Arc<str>, numbers: Option<Range<u64>>) -> Part {
        Part { file: Arc::clone(&self.shard.file), table: Arc::clone(name), numbers }
    }
}

/// How the rows are found, for `explain`: that of the first shard.
fn access(scans: &[Scan<'_>]) -> Option<Arc<str>> {
    let reading = scans.first()?.reading.as_ref()?;
    let shards = scans.len();
    let of = if shards > 1 { format!(" in each of {shards} shards") } else { String::new() };
    Some(format!("{}{of}", reading.access).into())
}

/// At most `most` partitions of about the same number of rows, each of parts that follow each
/// other.
fn pieces(scans: &[Scan<'_>], name: &Arc<str>, most: usize) -> Vec<Piece> {
    let most = most.max(1);
    if scans.len() > most {
        let rows: u64 = scans.iter().map(Scan::rows).sum();
        let share = rows.div_ceil(most as u64).max(1);
        let mut before = 0;
        let runs = scans.chunk_by(|scan, _| {
            let group = before / share;
            before += scan.rows();
            group == before / share
        });
        let runs = runs.map(|scans| Piece {
            run: Run(scans.iter().map(|scan| scan.part(name, None)).collect()),
            statistics: statistics::part(scans[0].known.clone(), scans.iter().map(Scan::rows).sum()),
        });
        return runs.collect();
    }
    let mut pieces = Vec::new();
    for scan in scans {
        let worth = usize::try_from(scan.rows() / PARTITION_ROWS).unwrap_or(usize::MAX).max(1);
        let parts = scan.reading.as_ref().and_then(|reading| reading.split((most / scans.len()).min(worth)));
        match parts {
            Some(parts) if parts.len() > 1 => pieces.extend(parts.into_iter().map(|numbers| Piece {
                statistics: statistics::part(scan.known.clone(), numbers.end - numbers.start),
                run: Run(vec![scan.part(name, Some(numbers))]),
            })),
            _ => pieces.push(Piece { run: Run(vec![scan.part(name, None)]), statistics: scan.known.clone() }),
        }
    }
    pieces
}

impl fmt::Debug for DrystoneTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DrystoneTable({:?}, {}, files: {})", self.name, self.schema, self.shards.len())
    }
}
