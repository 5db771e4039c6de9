//! Tables and scans as bytes, for plans that are sent to other nodes. A file is sent as its path
//! and the number of its state; nothing is opened while a plan is decoded, because an error there
//! would lose its text.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::common::tree_node::{Transformed, TreeNode as _};
use datafusion::common::{
    DataFusionError, Result, Statistics, TableReference, internal_datafusion_err, internal_err,
};
use datafusion::datasource::file_format::FileFormatFactory;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfig};
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::TaskContext;
use datafusion::logical_expr::{Extension, LogicalPlan};
use datafusion::physical_expr::projection::{ProjectionExpr, ProjectionExprs};
use datafusion::physical_plan::ExecutionPlan;
use datafusion_proto::logical_plan::LogicalExtensionCodec;
use datafusion_proto::physical_plan::from_proto::parse_physical_expr;
use datafusion_proto::physical_plan::to_proto::serialize_physical_expr;
use datafusion_proto::physical_plan::{PhysicalExtensionCodec, PhysicalProtoConverterExtension};
use datafusion_proto::protobuf;
use prost::Message;

use crate::error::external;
use crate::scan::{Opener, Part, Piece, Place, Run, ScanBuilder, Source, TableFile};
use crate::table::{DrystoneTable, Shard};

/// What begins the bytes of a plan of ours, so that those of others can be recognised.
const MAGIC: &[u8; 8] = b"drystone";

#[derive(Clone, PartialEq, Message)]
pub(super) struct FileProto {
    /// The database, or the folder of shards.
    #[prost(string, tag = "1")]
    path: String,
    /// The number of the shard.
    #[prost(uint64, optional, tag = "2")]
    shard: Option<u64>,
    #[prost(string, tag = "3")]
    file_name: String,
    #[prost(uint64, tag = "4")]
    transaction: u64,
    #[prost(message, optional, tag = "5")]
    statistics: Option<datafusion_proto_common::Statistics>,
    /// The identity of the shard.
    #[prost(bytes = "vec", tag = "6")]
    id: Vec<u8>,
    /// Where the scheduler has looked for the shard in vain.
    #[prost(string, tag = "7")]
    searched: String,
}

#[derive(Clone, PartialEq, Message)]
struct TableProto {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    schema: String,
    #[prost(message, repeated, tag = "3")]
    files: Vec<FileProto>,
}

#[derive(Clone, PartialEq, Message)]
struct PartProto {
    #[prost(message, optional, tag = "1")]
    file: Option<FileProto>,
    #[prost(uint64, optional, tag = "2")]
    first: Option<u64>,
    #[prost(uint64, tag = "3")]
    end: u64,
}

#[derive(Clone, PartialEq, Message)]
struct GroupProto {
    #[prost(message, repeated, tag = "1")]
    parts: Vec<PartProto>,
    #[prost(message, optional, tag = "2")]
    statistics: Option<datafusion_proto_common::Statistics>,
}

#[derive(Clone, PartialEq, Message)]
struct ColumnProto {
    #[prost(message, optional, tag = "1")]
    expression: Option<protobuf::PhysicalExprNode>,
    #[prost(string, tag = "2")]
    name: String,
}

#[derive(Clone, PartialEq, Message)]
struct ScanProto {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    schema: String,
    #[prost(string, optional, tag = "3")]
    predicate: Option<String>,
    #[prost(message, repeated, tag = "4")]
    columns: Vec<ColumnProto>,
    #[prost(uint64, optional, tag = "5")]
    limit: Option<u64>,
    #[prost(message, repeated, tag = "6")]
    groups: Vec<GroupProto>,
    #[prost(message, optional, tag = "7")]
    statistics: Option<datafusion_proto_common::Statistics>,
}

/// Writes tables and scans of this crate, and leaves everything else to another codec.
#[derive(Clone)]
pub(crate) struct Codec<C> {
    other: C,
    opener: Opener,
    /// The folders of an executor, where it looks for shards.
    folders: Arc<[PathBuf]>,
    /// Whether the shards of a table may be on nodes of their own, when a scheduler plans a query.
    is_apart: Option<Arc<dyn Fn() -> bool + Send + Sync>>,
}

impl<C> Codec<C> {
    pub(crate) fn new(other: C, opener: &Opener) -> Codec<C> {
        Codec { other, opener: Arc::clone(opener), folders: Arc::default(), is_apart: None }
    }

    /// The same for an executor with folders of shards of its own.
    pub(super) fn with_folders(self, folders: &Arc<[PathBuf]>) -> Codec<C> {
        Codec { folders: Arc::clone(folders), ..self }
    }

    /// The same for a scheduler.
    pub(super) fn with_apart(self, is_apart: impl Fn() -> bool + Send + Sync + 'static) -> Codec<C> {
        Codec { is_apart: Some(Arc::new(is_apart)), ..self }
    }

    fn file(&self, proto: &FileProto) -> Result<TableFile> {
        file(proto, &self.opener, &self.folders)
    }
}

/// The file of a plan. Shards are looked for in these folders first.
pub(super) fn file(proto: &FileProto, opener: &Opener, folders: &Arc<[PathBuf]>) -> Result<TableFile> {
    let path = PathBuf::from(&proto.path);
    let place = match proto.shard {
        Some(number) => Place::Shard {
            folder: path,
            own: Arc::clone(folders),
            number: usize::try_from(number).map_err(outside)?,
            file_name: proto.file_name.as_str().into(),
            id: proto.id.as_slice().try_into().map_err(|_| missing("the identity of a shard"))?,
            listed: None,
            searched: proto.searched.as_str().into(),
        },
        None => Place::Database { path },
    };
    let (transaction, opener) = (proto.transaction, Some(Arc::clone(opener)));
    Ok(TableFile { place, transaction, opener, held: OnceLock::new() })
}

fn file_proto(file: &TableFile, statistics: Option<&Statistics>) -> Result<FileProto> {
    let (path, shard, file_name, id, searched) = match &file.place {
        Place::Memory => {
            return Err(DataFusionError::Plan(
                "a table in memory cannot be read by other nodes; use a database in a file".to_owned(),
            ));
        }
        Place::Database { path } => (path, None, "", &[][..], ""),
        Place::Shard { folder, number, file_name, id, searched, .. } => {
            (folder, Some(*number as u64), &**file_name, &id[..], &**searched)
        }
    };
    let Some(path) = path.to_str() else {
        return Err(DataFusionError::Plan(format!("the path {path:?} is not UTF-8, and cannot be sent")));
    };
    Ok(FileProto {
        path: path.to_owned(),
        shard,
        file_name: file_name.to_owned(),
        transaction: file.transaction,
        statistics: statistics.map(Into::into),
        id: id.to_vec(),
        searched: searched.to_owned(),
    })
}

fn statistics(proto: &Option<datafusion_proto_common::Statistics>) -> Result<Statistics> {
    proto.as_ref().ok_or_else(|| missing("statistics"))?.try_into()
}

fn missing(what: &str) -> DataFusionError {
    internal_datafusion_err!("a plan without {what} was received")
}

fn outside(error: std::num::TryFromIntError) -> DataFusionError {
    internal_datafusion_err!("a plan with a number that is too large was received: {error}")
}

fn written(message: &impl Message, buf: &mut Vec<u8>) -> Result<()> {
    buf.extend_from_slice(MAGIC);
    message.encode(buf).map_err(|error| internal_datafusion_err!("cannot write a plan: {error}"))
}

fn read<M: Message + Default>(bytes: &[u8]) -> Result<M> {
    M::decode(bytes).map_err(|error| internal_datafusion_err!("cannot read a plan: {error}"))
}

impl<C: PhysicalExtensionCodec> PhysicalExtensionCodec for Codec<C> {
    fn try_decode(
        &self,
        buf: &[u8],
        inputs: &[Arc<dyn ExecutionPlan>],
        context: &TaskContext,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let Some(bytes) = buf.strip_prefix(MAGIC) else {
            return self.other.try_decode(buf, inputs, context, converter);
        };
        let proto: ScanProto = read(bytes)?;
        let schema = proto.schema.parse().map_err(external)?;
        let predicate = proto.predicate.map(|text| text.parse()).transpose().map_err(external)?;
        let source = Source::new(&schema, predicate)?;
        let table_schema = Arc::clone(source.arrow());
        let columns = proto.columns.into_iter().map(|column| {
            let expression = column.expression.ok_or_else(|| missing("an expression"))?;
            let expr = parse_physical_expr(&expression, context, &table_schema, self)?;
            Ok(ProjectionExpr { expr, alias: column.name })
        });
        let projection = ProjectionExprs::new(columns.collect::<Result<Vec<_>>>()?);
        let name: Arc<str> = proto.name.into();
        let pieces = proto.groups.iter().map(|group| {
            let parts = group.parts.iter().map(|part| {
                let file = self.file(part.file.as_ref().ok_or_else(|| missing("a file"))?)?;
                let numbers = part.first.map(|first| first..part.end);
                Ok(Part { file: Arc::new(file), table: Arc::clone(&name), numbers })
            });
            let run = Run(parts.collect::<Result<Vec<_>>>()?);
            Ok(Piece { run, statistics: statistics(&group.statistics)? })
        });
        let builder = ScanBuilder {
            source: source.with_projection(&projection),
            pieces: pieces.collect::<Result<_>>()?,
            statistics: statistics(&proto.statistics)?,
            projection: None,
            limit: proto.limit.map(usize::try_from).transpose().map_err(outside)?,
        };
        Ok(DataSourceExec::from_data_source(builder.build()?))
    }

    fn try_encode(
        &self,
        node: Arc<dyn ExecutionPlan>,
        buf: &mut Vec<u8>,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<()> {
        let Some((config, source)) = scan_of(&node) else {
            return self.other.try_encode(node, buf, converter);
        };
        let columns = source.columns().iter().map(|column| {
            let expression = Some(serialize_physical_expr(&column.expr, self)?);
            Ok(ColumnProto { expression, name: column.alias.clone() })
        });
        let mut name = Arc::from("");
        let mut groups = Vec::new();
        for file in config.file_groups.iter().flat_map(|group| group.files()) {
            let (Run(parts), known) = run_of(file)?;
            let parts = parts.iter().map(|part| {
                name = Arc::clone(&part.table);
                let (first, end) = match &part.numbers {
                    Some(numbers) => (Some(numbers.start), numbers.end),
                    None => (None, 0),
                };
                Ok(PartProto { file: Some(file_proto(&part.file, None)?), first, end })
            });
            groups.push(GroupProto { parts: parts.collect::<Result<_>>()?, statistics: Some(known.into()) });
        }
        let proto = ScanProto {
            name: name.to_string(),
            schema: source.schema.to_string(),
            predicate: source.predicate.as_ref().map(ToString::to_string),
            columns: columns.collect::<Result<_>>()?,
            limit: config.limit.map(|limit| limit as u64),
            groups,
            statistics: Some((&config.statistics()).into()),
        };
        written(&proto, buf)
    }
}

/// The scan of a table of this crate, if the node is one.
fn scan_of(node: &Arc<dyn ExecutionPlan>) -> Option<(&FileScanConfig, &Source)> {
    let config = node.downcast_ref::<DataSourceExec>()?.data_source().downcast_ref::<FileScanConfig>()?;
    Some((config, config.file_source().downcast_ref::<Source>()?))
}

fn run_of(file: &PartitionedFile) -> Result<(&Run, &Statistics)> {
    match (file.extension::<Run>(), &file.statistics) {
        (Some(run), Some(statistics)) => Ok((run, statistics)),
        _ => internal_err!("{} is not a part of a Drystone table", file.path()),
    }
}

/// The files that a plan reads.
pub(super) fn files_of(plan: &Arc<dyn ExecutionPlan>) -> Vec<FileProto> {
    let mut found: Vec<FileProto> = plan.children().into_iter().flat_map(files_of).collect();
    if let Some((config, _)) = scan_of(plan) {
        let runs =
            config.file_groups.iter().flat_map(|group| group.files()).filter_map(|file| run_of(file).ok());
        let parts = runs.flat_map(|(Run(parts), _)| parts);
        found.extend(parts.filter_map(|part| file_proto(&part.file, None).ok()));
    }
    found
}

/// The same plan, whose shards say in an error where they were looked for in vain.
pub(super) fn searched(plan: &Arc<dyn ExecutionPlan>, note: &Arc<str>) -> Result<Arc<dyn ExecutionPlan>> {
    let noted = |part: &Part| {
        let mut file = TableFile::clone(&part.file);
        if let Place::Shard { searched, .. } = &mut file.place {
            *searched = Arc::clone(note);
        }
        Part { file: Arc::new(file), ..part.clone() }
    };
    let plan = Arc::clone(plan).transform_up(|node| {
        let Some((config, _)) = scan_of(&node) else { return Ok(Transformed::no(node)) };
        let mut config = config.clone();
        for group in &mut config.file_groups {
            let files = group.files().iter().map(|file| {
                let (Run(parts), _) = run_of(file)?;
                Ok(file.clone().with_extension(Run(parts.iter().map(noted).collect())))
            });
            *group = FileGroup::new(files.collect::<Result<_>>()?);
        }
        Ok(Transformed::yes(DataSourceExec::from_data_source(config) as Arc<dyn ExecutionPlan>))
    });
    Ok(plan?.data)
}

impl<C: LogicalExtensionCodec> LogicalExtensionCodec for Codec<C> {
    fn try_decode(&self, buf: &[u8], inputs: &[LogicalPlan], context: &TaskContext) -> Result<Extension> {
        self.other.try_decode(buf, inputs, context)
    }

    fn try_encode(&self, node: &Extension, buf: &mut Vec<u8>) -> Result<()> {
        self.other.try_encode(node, buf)
    }

    fn try_decode_table_provider(
        &self,
        buf: &[u8],
        table: &TableReference,
        schema: SchemaRef,
        context: &TaskContext,
    ) -> Result<Arc<dyn TableProvider>> {
        let Some(bytes) = buf.strip_prefix(MAGIC) else {
            return self.other.try_decode_table_provider(buf, table, schema, context);
        };
        let proto: TableProto = read(bytes)?;
        let shards = proto.files.iter().map(|file| {
            Ok(Shard { file: Arc::new(self.file(file)?), statistics: statistics(&file.statistics)? })
        });
        let schema = proto.schema.parse().map_err(external)?;
        let shards = shards.collect::<Result<Vec<_>>>()?;
        let mut table = DrystoneTable::of_shards(proto.name.into(), schema, shards, false)?;
        table.is_apart = self.is_apart.as_ref().is_some_and(|is_apart| is_apart());
        Ok(Arc::new(table))
    }

    fn try_encode_table_provider(
        &self,
        table: &TableReference,
        node: Arc<dyn TableProvider>,
        buf: &mut Vec<u8>,
    ) -> Result<()> {
        let Some(ours) = node.downcast_ref::<DrystoneTable>() else {
            return self.other.try_encode_table_provider(table, node, buf);
        };
        let files = ours.shards.iter().map(|shard| file_proto(&shard.file, Some(&shard.statistics)));
        let proto = TableProto {
            name: ours.name.to_string(),
            schema: ours.schema.to_string(),
            files: files.collect::<Result<_>>()?,
        };
        written(&proto, buf)
    }

    fn try_decode_file_format(
        &self,
        buf: &[u8],
        context: &TaskContext,
    ) -> Result<Arc<dyn FileFormatFactory>> {
        self.other.try_decode_file_format(buf, context)
    }

    fn try_encode_file_format(&self, buf: &mut Vec<u8>, node: Arc<dyn FileFormatFactory>) -> Result<()> {
        self.other.try_encode_file_format(buf, node)
    }
}

impl<C> fmt::Debug for Codec<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Codec")
    }
}

#[cfg(test)]
mod tests {
    use datafusion_proto::logical_plan::DefaultLogicalExtensionCodec;
    use drystone::{Database, RowBuf, ShardOptions};

    use super::*;

    /// docs/scale.md counts on it.
    #[test]
    fn a_plan_spends_few_bytes_on_a_shard() {
        let folder = tempfile::tempdir().unwrap();
        let db = Database::temporary().unwrap();
        let schema: drystone::Schema = "id: u64 key, x: i32, y: i32, z: i32".parse().unwrap();
        let rows = (0..1000_u64).map(|id| {
            RowBuf::from_values(&schema, [drystone::Value::from(id), 1.into(), 2.into(), 3.into()]).unwrap()
        });
        db.update(|tx| tx.create_dyn_table("points", &schema)?.load(rows)).unwrap();
        let opener: Opener = Arc::new(|_| unreachable!("plans are written without opening a shard"));
        let mut sizes = Vec::new();
        for shards in [10, 110] {
            let place = folder.path().join(shards.to_string());
            db.shard("points", &place, &ShardOptions::new(shards)).unwrap();
            let table = DrystoneTable::open_shards(&place, &opener).unwrap();
            let mut plan = Vec::new();
            let codec = Codec::new(DefaultLogicalExtensionCodec {}, &opener);
            codec.try_encode_table_provider(&"points".into(), Arc::new(table), &mut plan).unwrap();
            sizes.push(plan.len() - shards * place.as_os_str().len());
        }
        let each = (sizes[1] - sizes[0]) / 100;
        assert!((100..220).contains(&each), "{each} bytes a shard, without its folder");
    }

    /// The same rows, cut again: the names, the numbers and the transaction are the same.
    #[test]
    fn a_plan_does_not_read_the_shards_of_another_run() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("points");
        let db = Database::temporary().unwrap();
        let schema: drystone::Schema = "id: u64 key".parse().unwrap();
        let rows = (0..1000_u64).map(|id| RowBuf::from_values(&schema, [id]).unwrap());
        db.update(|tx| tx.create_dyn_table("points", &schema)?.load(rows)).unwrap();
        db.shard("points", &place, &ShardOptions::new(8)).unwrap();

        let opener: Opener = Arc::new(|path| unreachable!("{} was opened", path.display()));
        let codec = Codec::new(DefaultLogicalExtensionCodec {}, &opener);
        let table = DrystoneTable::open_shards(&place, &opener).unwrap();
        let (arrow, mut plan) = (table.schema(), Vec::new());
        codec.try_encode_table_provider(&"points".into(), Arc::new(table), &mut plan).unwrap();
        std::fs::remove_dir_all(&place).unwrap();
        db.shard("points", &place, &ShardOptions::new(4)).unwrap();

        let context = TaskContext::default();
        let table = codec.try_decode_table_provider(&plan, &"points".into(), arrow, &context).unwrap();
        let file = &table.downcast_ref::<DrystoneTable>().unwrap().shards[1].file;
        let error = file.open("points", &schema).unwrap_err().to_string();
        assert!(error.contains("no longer one of the shards"), "{error}");
    }
}
