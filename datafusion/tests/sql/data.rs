//! The data of the tests: flights, and shards of them.

#![allow(unsafe_code)]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use drystone::{Database, LoadOptions, OpenOptions, Schema, ShardOptions, csv};
use drystone_datafusion::Opener;

/// Opens the files of the tests.
pub(crate) fn opener() -> Opener {
    Arc::new(open)
}

pub(crate) fn open(path: &Path) -> drystone::Result<Database> {
    // SAFETY: only Drystone writes the files of these tests.
    unsafe { OpenOptions::new().create(false).open(path) }
}

pub(crate) fn create(path: &Path) -> Database {
    // SAFETY: as above.
    unsafe { Database::open(path) }.unwrap()
}

/// A folder for the files of this run.
pub(crate) fn folder() -> &'static Path {
    static FOLDER: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());
    FOLDER.path()
}

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/data")
}

/// Flights and weather, with an index.
pub(crate) fn flights() -> Arc<Database> {
    static FLIGHTS: LazyLock<Arc<Database>> = LazyLock::new(|| {
        let db = create(&folder().join("flights.dry"));
        let write = db.write().unwrap();
        for name in ["flights", "weather"] {
            let schema: Schema =
                std::fs::read_to_string(examples().join(format!("{name}.schema"))).unwrap().parse().unwrap();
            let file = File::open(examples().join(format!("{name}-2013.csv.zst"))).unwrap();
            let input = zstd::Decoder::new(file).unwrap();
            let options = csv::Options::new().null("NA");
            let mut reader = options.reader(&schema, std::io::BufReader::new(input)).unwrap();
            write
                .create_dyn_table(name, &schema)
                .unwrap()
                .load_from(&mut reader, &LoadOptions::new())
                .unwrap();
        }
        write.create_index("flights", "by_delay", &["dep_delay"]).unwrap();
        write.commit().unwrap();
        Arc::new(db)
    });
    Arc::clone(&FLIGHTS)
}

/// The folder of eight shards of the flights.
pub(crate) fn shards() -> PathBuf {
    static SHARDS: LazyLock<PathBuf> = LazyLock::new(|| {
        let shards = folder().join("shards");
        flights().shard("flights", &shards, &ShardOptions::new(8)).unwrap();
        shards
    });
    SHARDS.clone()
}

/// All values as text, a row a line, fields with `|` between them.
pub(crate) fn text(batches: &[RecordBatch]) -> Vec<String> {
    let options = FormatOptions::default().with_null("null");
    let mut lines = Vec::new();
    for batch in batches {
        let columns: Vec<ArrayFormatter<'_>> =
            batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options).unwrap()).collect();
        for row in 0..batch.num_rows() {
            let values: Vec<String> = columns.iter().map(|column| column.value(row).to_string()).collect();
            lines.push(values.join("|"));
        }
    }
    lines
}
