//! Tests of the threads that encode and decode.

use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};
use std::sync::OnceLock;

use proptest::prelude::*;

use super::decoding::Sharing;
use super::{Options, Writer, file_batches};
use crate::error::ErrorKind;
use crate::exchange::alike::everything;
use crate::exchange::threads::refusal;
use crate::load::RecordSource;
use crate::schema::Schema;

fn schema() -> Schema {
    "id: u64, stop: u16?, price: f64, tag: str[4], at: i16[3]".parse().unwrap()
}

fn records(rows: u64) -> Vec<u8> {
    let mut records = Vec::new();
    for row in 0..rows {
        let mixed = row.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        records.extend(mixed.to_le_bytes());
        records.extend(((mixed >> 60) as u16).to_le_bytes());
        records.extend((mixed as f64).to_le_bytes());
        records.extend(format!("{:04}", mixed % 500).bytes());
        records.extend(&(mixed >> 8).to_le_bytes()[..6]);
    }
    records
}

fn written(threads: usize, records: &[u8]) -> Vec<u8> {
    let mut writer = Writer::of_groups(&schema(), threads, 1000, Vec::new()).unwrap();
    writer.write_records(records).unwrap();
    writer.finish().unwrap()
}

#[test]
fn a_file_is_the_same_whatever_the_number_of_threads() {
    let records = records(12_345);
    let one = written(1, &records);
    for threads in [2, 3, 8] {
        assert!(written(threads, &records) == one, "{threads} threads");
    }
    for left in 0..3 {
        assert!(refusal::after(left, || written(4, &records)) == one, "{left} threads could be started");
    }
}

#[test]
fn records_that_cannot_be_encoded_are_an_error_from_any_thread() {
    for threads in [1, 3] {
        let mut records = records(12_345);
        let text = schema().width() * 2500 + 18;
        records[text..text + 4].copy_from_slice(b"\xFFabc");
        let mut writer = Writer::of_groups(&schema(), threads, 1000, Vec::new()).unwrap();
        let error = writer.write_records(&records).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        // The file would lack rows.
        assert_eq!(writer.finish().unwrap_err().kind(), ErrorKind::Usage);
    }
}

#[test]
fn an_output_that_fails_is_an_error() {
    struct Full(usize);
    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            match self.0.checked_sub(bytes.len()) {
                Some(left) => self.0 = left,
                None => return Err(io::ErrorKind::StorageFull.into()),
            }
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let records = records(12_345);
    for threads in [1, 3] {
        let mut writer = Writer::of_groups(&schema(), threads, 1000, Full(100_000)).unwrap();
        let error = writer.write_records(&records).unwrap_err();
        assert!(
            error.kind() == ErrorKind::Io && error.to_string().contains("cannot write Parquet"),
            "{error}"
        );
        drop(writer);
    }
}

/// A file that cannot be read from a position on.
struct Broken {
    file: Cursor<Vec<u8>>,
    end: u64,
    panics: bool,
}

impl Read for Broken {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        // The last bytes describe the file.
        let in_footer = self.file.get_ref().len() as u64 - self.file.position() <= FOOTER_BYTES;
        let left = if in_footer { u64::MAX } else { self.end.saturating_sub(self.file.position()) };
        if left == 0 {
            assert!(!self.panics, "this input panics");
            return Err(io::Error::other("unplugged"));
        }
        let most = into.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        self.file.read(&mut into[..most])
    }
}

impl Seek for Broken {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

const FOOTER_BYTES: u64 = 20 << 10;

/// A file of many row groups, and one of a group that can be cut.
fn files() -> &'static [Vec<u8>; 2] {
    static FILES: OnceLock<[Vec<u8>; 2]> = OnceLock::new();
    FILES.get_or_init(|| {
        [(5000, 700), (50_000, 50_000)].map(|(rows, group)| {
            let mut writer = Writer::of_groups(&schema(), 2, group, Vec::new()).unwrap();
            writer.write_records(&records(rows)).unwrap();
            writer.finish().unwrap()
        })
    })
}

fn read(schema: &Schema, input: impl Read + Seek + Send + 'static, sharing: Sharing) -> Vec<String> {
    let options = Options::new().ignore_unknown(true);
    match file_batches::reader(&options.common, sharing, schema, input) {
        Ok(reader) => everything(reader, schema.width()),
        Err(error) => vec![error.to_string()],
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(80))]

    #[test]
    fn threads_decode_what_one_decodes(
        is_long: bool,
        damage in proptest::collection::vec((0.0..1.0, any::<u8>()), 0..3),
        end in proptest::option::of(0.0..1.2),
        panics: bool,
        // The last two have a row that does not fit, and no field of the file.
        schema in proptest::sample::select(vec![
            "id: u64, stop: u16?, price: f64, tag: str[4], at: i16[3]",
            "tag: str[4], id: u64", "id: u64, stop: u16 = 7", "tag: str[4], price: f32", "other: u8 = 3",
        ]),
        threads in 2..5_usize,
        allowed in 0..5_usize,
        ahead in 1..4_usize,
    ) {
        let schema: Schema = schema.parse().unwrap();
        let mut file = files()[usize::from(is_long)].clone();
        // A cut finds other errors behind the first one in a file whose pages have wrong lengths.
        for (at, byte) in if is_long { &[] } else { &damage[..] } {
            let at = (at * file.len() as f64) as usize;
            file[at] = *byte;
        }
        let end = end.map_or(u64::MAX, |end| (end * file.len() as f64) as u64);
        let open = || Broken { file: Cursor::new(file.clone()), end, panics };
        let one = read(&schema, open(), Sharing::of_jobs(1, 8192, 1));
        let many = refusal::after(allowed, || read(&schema, open(), Sharing::of_jobs(threads, 8192, ahead)));
        prop_assert!(many == one, "{:?}, {} rows, {:?}, {} rows", one.last(), one.len(), many.last(), many.len());
        let infer = |threads| {
            let inferred = Options::new().threads(threads).infer(open());
            inferred.map(|inferred| inferred.schema().to_string()).map_err(|error| error.to_string())
        };
        prop_assert_eq!(infer(threads), infer(1));
    }
}

#[test]
fn the_rows_before_a_bad_one_are_given() {
    let written: Schema = "a: u16, b: u16".parse().unwrap();
    let mut rows: Vec<[u16; 2]> = (0..40_000).map(|row| [row % 200, 1]).collect();
    rows[30_001][0] = 256;
    rows[30_000][1] = 257;
    let mut writer = Writer::of_groups(&written, 1, 25_000, Vec::new()).unwrap();
    writer.write_records(bytemuck::cast_slice(&rows)).unwrap();
    let file = writer.finish().unwrap();
    for threads in [1, 2] {
        let schema = "a: u8, b: u8".parse().unwrap();
        let mut reader = Options::new().threads(threads).reader(&schema, Cursor::new(file.clone())).unwrap();
        let (mut record, mut given) = ([0; 2], 0);
        let error = loop {
            match reader.next_record(&mut record) {
                Ok(more) => assert!(more),
                Err(error) => break error,
            }
            assert_eq!((record, reader.place()), ([(given % 200) as u8, 1], given + 1));
            given += 1;
        };
        assert_eq!(given, 30_000);
        assert!(error.to_string().starts_with("row 30001 of the Parquet file: field \"b\""), "{error}");
        assert!(!reader.next_record(&mut record).unwrap());
    }
}

#[test]
fn files_of_no_rows_and_no_groups_are_read() {
    for threads in [1, 3] {
        let file = Writer::of_groups(&schema(), 1, 10, Vec::new()).unwrap().finish().unwrap();
        let options = Options::new().threads(threads);
        assert_eq!(options.infer(Cursor::new(file.clone())).unwrap().schema(), &schema());
        assert!(
            everything(options.reader(&schema(), Cursor::new(file)).unwrap(), schema().width()).is_empty()
        );
    }
}
