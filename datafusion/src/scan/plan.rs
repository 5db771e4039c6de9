//! The plan of a scan: which parts go into which partition, the order of the rows, and what is
//! known of them.

use std::sync::Arc;

use datafusion::arrow::compute::SortOptions;
use datafusion::common::Statistics;
use datafusion::common::stats::Precision;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::object_store::ObjectStoreUrl;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfig, FileScanConfigBuilder};
use datafusion::error::Result;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr};
use drystone::{Schema, Type};

use super::{Run, Source};

/// What one partition reads, with what is known of its rows.
pub(crate) struct Piece {
    pub(crate) run: Run,
    pub(crate) statistics: Statistics,
}

/// The plan of a scan.
pub(crate) struct ScanBuilder {
    pub(crate) source: Source,
    /// One for each partition, in the order of the table.
    pub(crate) pieces: Vec<Piece>,
    /// What is known of all rows that pass.
    pub(crate) statistics: Statistics,
    pub(crate) projection: Option<Vec<usize>>,
    pub(crate) limit: Option<usize>,
}

impl ScanBuilder {
    pub(crate) fn build(self) -> Result<FileScanConfig> {
        let order = LexOrdering::new(key_order(&self.source.schema));
        let groups = self.pieces.into_iter().map(|piece| FileGroup::new(vec![piece.file()]));
        let builder = FileScanConfigBuilder::new(ObjectStoreUrl::local_filesystem(), Arc::new(self.source))
            .with_file_groups(groups.collect())
            .with_statistics(self.statistics)
            .with_output_ordering(order.into_iter().collect())
            // A part is read by the partition that it was given to, also if the table has no key.
            .with_preserve_order(true)
            .with_projection_indices(self.projection)?
            .with_limit(self.limit);
        Ok(builder.build())
    }
}

impl Piece {
    fn file(self) -> PartitionedFile {
        let rows = match self.statistics.num_rows {
            Precision::Exact(rows) | Precision::Inexact(rows) => rows as u64,
            Precision::Absent => 0,
        };
        let name = match &self.run.0[..] {
            [] => String::new(),
            [only] => only.to_string(),
            [first, rest @ ..] => format!("{first} and {} more", rest.len()),
        };
        PartitionedFile::new(name, rows).with_statistics(Arc::new(self.statistics)).with_extension(self.run)
    }
}

/// The fields of the key by which the rows are in order as DataFusion compares values: up to the
/// first enumeration, number of 128 bits or float.
pub(crate) fn key_order(schema: &Schema) -> Vec<PhysicalSortExpr> {
    let fields = schema.key_fields().iter().enumerate();
    let ordered = fields.take_while(|(_, field)| is_ordered_alike(field.ty()));
    let ascending = SortOptions { descending: false, nulls_first: false };
    ordered
        .map(|(at, field)| PhysicalSortExpr::new(Arc::new(Column::new(field.name(), at)), ascending))
        .collect()
}

/// Whether values of this type have the same order in the library and in DataFusion.
pub(crate) fn is_ordered_alike(ty: &Type) -> bool {
    !matches!(ty, Type::Enum(_) | Type::U128 | Type::I128 | Type::F32 | Type::F64 | Type::Array(..))
}
