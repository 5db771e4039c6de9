//! What a file is, by its first bytes: a format that can be loaded, or another one, with a way to
//! load it all the same.

use super::Format;

/// The first bytes of an Arrow stream.
pub(crate) const ARROW_STREAM: &[u8] = &[0xFF; 4];
/// How many bytes are looked at.
pub(crate) const HEAD_BYTES: usize = 512;

/// What a file is.
pub(crate) enum Kind {
    Loadable(Format),
    /// What it is, and how it can be loaded.
    Other(&'static str, &'static str),
}

/// What begins with these bytes. `None` if it may be any text.
pub(crate) fn recognise(head: &[u8]) -> Option<Kind> {
    let is = |magic: &[u8]| head.starts_with(magic);
    if is(b"ARROW1") || is(ARROW_STREAM) {
        return Some(Kind::Loadable(Format::Arrow));
    } else if is(b"PAR1") {
        return Some(Kind::Loadable(Format::Parquet));
    } else if is(b"\x93NUMPY") {
        return Some(Kind::Loadable(Format::Npy));
    } else if is(b"PK\x03\x04") || is(b"PK\x05\x06") {
        return Some(archive(head));
    }
    if let Some((_, what, way_out)) = MAGIC.iter().find(|(magic, ..)| is(magic)) {
        return Some(Kind::Other(what, way_out));
    }
    if head.get(8..12) == Some(b"DUCK") {
        return Some(Kind::Other(
            "a DuckDB database",
            "write a table with COPY t TO 't.parquet', and load that",
        ));
    }
    if head.get(257..262) == Some(b"ustar") {
        return Some(Kind::Other("a tar archive", "unpack it, and load the file"));
    }
    if matches!(head, [0x80, 2..=5, ..]) {
        return Some(Kind::Other(
            "a pickle of Python",
            "write the data as Parquet or CSV, as DataFrame.to_parquet does",
        ));
    }
    let text = head.strip_prefix("\u{FEFF}".as_bytes()).unwrap_or(head).trim_ascii_start();
    if is_json(text) {
        return Some(Kind::Loadable(Format::Json));
    }
    let begins =
        |word: &str| text.get(..word.len()).is_some_and(|text| text.eq_ignore_ascii_case(word.as_bytes()));
    if begins("<!doctype html") || begins("<html") {
        return Some(Kind::Other(
            "an HTML page",
            "get the data itself, as CSV for example; the page may say why it is not there",
        ));
    }
    if begins("<?xml") {
        return Some(Kind::Other("XML", "convert it to CSV or JSON"));
    }
    // UTF-16 has an error of its own.
    let is_utf_16 = is(&[0xFF, 0xFE]) || is(&[0xFE, 0xFF]);
    if head.contains(&0) && !is_utf_16 {
        return Some(Kind::Other(
            "a binary file of an unknown format",
            "convert it to Parquet or CSV, or give its --format",
        ));
    }
    None
}

/// First bytes, what begins so, and how it can be loaded.
const MAGIC: &[(&[u8], &str, &str)] = &[
    (b"\xFD7zXZ\0", "compressed with xz", "xz -dc FILE | drystone load DB TABLE -"),
    (b"BZh", "compressed with bzip2", "bzip2 -dc FILE | drystone load DB TABLE -"),
    (b"\x04\x22\x4D\x18", "compressed with lz4", "lz4 -dc FILE | drystone load DB TABLE -"),
    (b"\xFF\x06\0\0sNaPpY", "compressed with snappy", "unpack it first"),
    (b"\x1F\x9D", "compressed with compress", "zcat FILE | drystone load DB TABLE -"),
    (b"\x5D\0\0", "compressed with lzma", "xz --format=lzma -dc FILE | drystone load DB TABLE -"),
    (b"\x1F\x8B", "compressed twice", "unpack it once"),
    (b"\x28\xB5\x2F\xFD", "compressed twice", "unpack it once"),
    (b"7z\xBC\xAF\x27\x1C", "a 7z archive", "unpack it, and load the file"),
    (b"Rar!", "a RAR archive", "unpack it, and load the file"),
    (
        b"SQLite format 3\0",
        "a SQLite database",
        "sqlite3 -csv -header FILE 'select * from t' | drystone load DB TABLE - --infer",
    ),
    (b"drystone", "a Drystone database", "drystone copy takes a table from one database to another"),
    (b"PARE", "an encrypted Parquet file", "write it without encryption"),
    (
        b"FEA1",
        "a Feather file of version 1",
        "write it as version 2, as pyarrow.feather.write_feather does, or as Parquet",
    ),
    (
        b"ORC",
        "an ORC file",
        "write it as Parquet, as pyarrow does: pyarrow.parquet.write_table(pyarrow.orc.read_table(FILE), NEW)",
    ),
    (
        b"Obj\x01",
        "an Avro file",
        "write it as Parquet, as polars does: polars.read_avro(FILE).write_parquet(NEW)",
    ),
    (
        b"\x89HDF\r\n\x1A\n",
        "an HDF5 file",
        "write the table as Parquet, as pandas does: pandas.read_hdf(FILE).to_parquet(NEW)",
    ),
    (b"CDF\x01", "a netCDF file", "write the variables as Parquet or .npy"),
    (b"CDF\x02", "a netCDF file", "write the variables as Parquet or .npy"),
    (b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", "an Excel workbook of the old format", "save the sheet as CSV"),
    (b"RDX", "data of R", "write them with write.csv or arrow::write_parquet"),
    (b"RDA", "data of R", "write them with write.csv or arrow::write_parquet"),
    (b"X\n\0\0", "data of R", "write them with write.csv or arrow::write_parquet"),
    (b"<stata_dta>", "a Stata file", "write it as CSV or Parquet"),
    (b"$FL2", "an SPSS file", "write it as CSV or Parquet"),
    (b"%PDF", "a PDF", "get the data itself, as CSV for example"),
    (b"\x7FELF", "a program", "is this the right file?"),
    (b"\x89PNG", "an image", "is this the right file?"),
    (b"\xFF\xD8\xFF", "an image", "is this the right file?"),
];

/// What a zip archive is, by the name of its first file.
fn archive(head: &[u8]) -> Kind {
    let length = head.get(26..28).map_or(0, |length| usize::from(u16::from_le_bytes([length[0], length[1]])));
    let name = head.get(30..).map_or(&[][..], |rest| &rest[..rest.len().min(length)]);
    let in_head = |part: &[u8]| head.windows(part.len()).any(|window| window == part);
    if name.ends_with(b".npy") {
        Kind::Other(
            "an archive of NumPy arrays (.npz)",
            "load one of its arrays: unzip it, or save the array alone with numpy.save",
        )
    } else if name == b"[Content_Types].xml" || name.starts_with(b"xl/") || name.starts_with(b"_rels/") {
        Kind::Other(
            "an Excel workbook",
            "save the sheet as CSV; --delimiter and --decimal-comma may help to read it",
        )
    } else if name == b"mimetype" && in_head(b"opendocument") {
        Kind::Other("an OpenDocument file", "save the sheet as CSV")
    } else {
        Kind::Other("a zip archive", "unzip -p FILE | drystone load DB TABLE -")
    }
}

/// Whether a text begins as JSON does: an object, or an array of them.
fn is_json(text: &[u8]) -> bool {
    let after = |at: usize| text.get(at..).unwrap_or_default().trim_ascii_start().first().copied();
    match text.first() {
        Some(b'{') => matches!(after(1), Some(b'"' | b'}')),
        // `[name],[other]` may be the header of a CSV.
        Some(b'[') => matches!(after(1), Some(b'{' | b'[' | b'"' | b']' | b'-' | b'0'..=b'9')),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_told_from_json() {
        let is_json = |text: &str| matches!(recognise(text.as_bytes()), Some(Kind::Loadable(Format::Json)));
        for text in ["{\"id\":1}\n", " \n{ \"a\"", "{}", "[{\"a\":1}]", "\u{FEFF}[\n  {", "[]", "[[1]]"] {
            assert!(is_json(text), "{text:?}");
        }
        for text in ["[id],[name]\n", "{id},b\n", "id,name\n", "", "\"a\",\"b\"\n", "{", "["] {
            assert!(!is_json(text) && recognise(text.as_bytes()).is_none(), "{text:?}");
        }
    }
}
