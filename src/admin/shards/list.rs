//! Reading a folder of shards, and the text of its list, `shards.txt`. docs/format.md describes it.
//!
//! It is made by this library, but may come from elsewhere, so everything that it says is checked
//! before it is used.

use std::collections::HashSet;
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use super::shard::{LIST, Shard, ShardedTable, Shards};
use crate::catalog::check_name;
use crate::error::{Error, ErrorKind, Result, bail};
use crate::order::Scalar;
use crate::page::checksum;
use crate::schema::Schema;
use crate::storage::read_beginning;

/// The name of the list while shards are being made.
pub(super) const UNFINISHED: &str = "shards.unfinished";
/// A list is at most this long.
pub(super) const LIST_LIMIT: u64 = 64 << 20;

/// The first line: what it is, and the version of its format.
const TITLE: &str = "drystone shards 1";

impl Shards {
    /// Reads the list of a folder that [`Database::shard`](crate::Database::shard) or `drystone
    /// shard` has made. Opens no shard.
    ///
    /// # Errors
    /// `FileNotFound` if the folder has no list: it is no folder of shards, or they are not whole;
    /// `Input` if the list is damaged; `Io` if it cannot be read.
    pub fn open(folder: impl AsRef<Path>) -> Result<Shards> {
        let folder = folder.as_ref();
        let read = |name| read_beginning(&folder.join(name), LIST_LIMIT);
        let text = match read(LIST) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let why = if read(UNFINISHED).is_ok() {
                    "its shards are not whole, because making them was stopped; make them again"
                } else {
                    "it is no folder of shards"
                };
                bail!(FileNotFound, "{folder:?} has no {LIST}: {why}")
            }
            read => read.map_err(|error| Error::io(format!("cannot read {:?}", folder.join(LIST)), error))?,
        };
        // The process may change its working directory.
        let absolute = std::path::absolute(folder)
            .map_err(|error| Error::io(format!("cannot find {folder:?}"), error))?;
        parse(&absolute, &text).map_err(|error| error.within(format!("{:?}", folder.join(LIST))))
    }
}

/// The text of a list.
pub(super) fn text(shards: &Shards) -> String {
    let table = &*shards.table;
    let mut text = format!("{TITLE}\n");
    let mut line = |parts: &[&str]| {
        let parts: Vec<String> = parts.iter().map(|part| escaped(part)).collect();
        let _ = writeln!(text, "{}", parts.join("\t"));
    };
    line(&["source", &hex(&shards.source.0), &shards.source.1.to_string()]);
    line(&["table", &table.name]);
    line(&["schema", &table.schema.to_string()]);
    line(&["by", &table.by.to_string()]);
    line(&["rows", &table.rows.to_string()]);
    for shard in &shards.shards {
        let (rows, id) = (shard.rows().to_string(), hex(&shard.id));
        line(&["shard", &shard.file_name, &rows, &id, &hex(&shard.first), &hex(&shard.last)]);
    }
    let sum = checksum(text.as_bytes());
    let _ = writeln!(text, "end\t{sum:08x}");
    text
}

/// The shards that a list names. `folder` is an absolute path.
pub(super) fn parse(folder: &Path, bytes: &[u8]) -> Result<Shards> {
    let Ok(text) = std::str::from_utf8(bytes) else { bail!(Input, "it is not UTF-8; the list is damaged") };
    let (title, _) = text.split_once('\n').unwrap_or((text, ""));
    if title != TITLE {
        match title.strip_prefix("drystone shards ") {
            Some(version) if version.bytes().all(|digit| digit.is_ascii_digit()) => {
                bail!(FutureFormat, "it has version {version}, which this program does not know")
            }
            _ => bail!(Input, "it does not begin with {TITLE:?}; it is no list of shards"),
        }
    }
    let Some((body, sum)) = text.strip_suffix('\n').and_then(|text| text.rsplit_once("\nend\t")) else {
        bail!(Input, "it does not end with a line \"end\"; the list is damaged")
    };
    let body_bytes = &bytes[..=body.len()];
    if u32::from_str_radix(sum, 16).ok() != Some(checksum(body_bytes)) {
        bail!(Input, "it does not match its checksum; the list is damaged");
    }
    let mut lines = Lines { lines: body.lines().zip(1..).skip(1).collect::<Vec<_>>().into_iter() };
    let [id, transaction] = lines.next("source")?;
    let source = (id.array()?, transaction.number()?);
    let [name] = lines.next("table")?;
    check_name(&name.text).map_err(|error| name.wrong(&error.to_string()))?;
    let [schema] = lines.next("schema")?;
    let schema: Schema = schema.text.parse().map_err(|error: Error| schema.wrong(&error.to_string()))?;
    let [by_line] = lines.next("by")?;
    let by = by_line.number()?;
    if by > schema.key_fields().len() as u64 || schema.is_keyed() && by == 0 {
        return Err(by_line.wrong("it is not a number of fields of the key"));
    }
    let [rows_line] = lines.next("rows")?;
    let rows = rows_line.number()?;
    let table = Arc::new(ShardedTable { name: name.text, schema, by: by as usize, rows });
    let mut shards = Shards { folder: folder.to_owned(), table, source, shards: Vec::new() };
    let mut names = HashSet::new();
    while lines.is_more() {
        let parts: [Part; 5] = lines.next("shard")?;
        if !names.insert(parts[0].text.clone()) {
            return Err(parts[0].wrong("there are two shards of this name"));
        }
        let shard = shard(&shards, parts)?;
        shards.shards.push(shard);
    }
    if shards.shards.last().map(|shard| shard.numbers.end) != Some(rows) {
        return Err(rows_line.wrong("the shards together have another number of rows"));
    }
    Ok(shards)
}

/// The shard of a line, after those that were read.
fn shard(before: &Shards, parts: [Part; 5]) -> Result<Shard> {
    let [name, rows, id, first, last] = parts;
    let is_plain = Path::new(&name.text).file_name().is_some_and(|plain| plain == &*name.text);
    if !is_plain || name.text.contains('\0') {
        return Err(name.wrong("it is not the name of a file in the folder"));
    }
    let previous = before.shards.last();
    let start = previous.map_or(0, |shard| shard.numbers.end);
    let Some(end) = rows.number()?.checked_add(start) else {
        return Err(rows.wrong("there cannot be as many rows"));
    };
    let shard = Shard {
        table: Arc::clone(&before.table),
        path: before.folder.join(&name.text),
        file_name: name.text.clone(),
        numbers: start..end,
        id: id.array()?,
        first: first.bytes()?,
        last: last.bytes()?,
    };
    let schema = &before.table.schema;
    let expected = if end > start { schema.key_width() } else { 0 };
    for (part, key) in [(&first, &shard.first), (&last, &shard.last)] {
        if key.len() != expected {
            return Err(part.wrong(&format!("a key of {expected} bytes is expected")));
        }
        for field in schema.key_fields().iter().filter(|_| expected > 0) {
            field
                .load(&key[field.offset()..][..field.width()])
                .map_err(|error| part.wrong(&error.to_string()))?;
        }
    }
    let normal = |key: &[u8]| normal_form(schema, key);
    if normal(&shard.first) > normal(&shard.last) {
        return Err(last.wrong("the last key of the shard is before its first one"));
    }
    if let Some(previous) = previous.filter(|_| expected > 0)
        && normal(&previous.last) >= normal(&shard.first)
    {
        let message =
            format!("its keys overlap with those of {:?}, which comes before it", previous.file_name);
        return Err(first.wrong(&message));
    }
    Ok(shard)
}

/// A key in the form that orders as bytes.
fn normal_form(schema: &Schema, stored: &[u8]) -> Vec<u8> {
    let mut normal = vec![0; stored.len()];
    for field in schema.key_fields().iter().filter(|_| !stored.is_empty()) {
        let bytes = field.offset()..field.offset() + field.width();
        if let Some(scalar) = field.ty().scalar() {
            Scalar::normalise(scalar, &stored[bytes.clone()], &mut normal[bytes]);
        }
    }
    normal
}

/// The lines of a list, with their numbers.
struct Lines<'t> {
    lines: std::vec::IntoIter<(&'t str, u64)>,
}

/// A part of a line, without its escapes.
struct Part {
    text: String,
    line: u64,
    what: &'static str,
}

impl Lines<'_> {
    fn is_more(&self) -> bool {
        self.lines.len() > 0
    }

    /// The parts of the next line, which must begin with this word.
    fn next<const N: usize>(&mut self, what: &'static str) -> Result<[Part; N]> {
        let Some((text, line)) = self.lines.next() else {
            bail!(Input, "there is no line {what:?}; the list is damaged")
        };
        let mut parts = text.split('\t');
        let begins = parts.next() == Some(what);
        let parts: Option<Vec<Part>> =
            parts.map(|text| Some(Part { text: plain(text)?, line, what })).collect();
        match parts.map(<[Part; N]>::try_from) {
            Some(Ok(parts)) if begins => Ok(parts),
            _ => Err(Error::new(
                ErrorKind::Input,
                format!("line {line} is not {what:?} with {N} parts; the list is damaged"),
            )
            .of_line(line)),
        }
    }
}

impl Part {
    fn wrong(&self, why: &str) -> Error {
        let message =
            format!("line {}, {:?}: {:?}: {why}; the list is damaged", self.line, self.what, self.text);
        Error::new(ErrorKind::Input, message).of_line(self.line)
    }

    fn number(&self) -> Result<u64> {
        self.text.parse().map_err(|_| self.wrong("a number is expected"))
    }

    /// Bytes in hexadecimal. None at all is `-`.
    fn bytes(&self) -> Result<Vec<u8>> {
        let bad = || self.wrong("bytes in hexadecimal are expected");
        if self.text == "-" {
            return Ok(Vec::new());
        }
        let digits = self.text.as_bytes();
        if digits.len() % 2 == 1 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(bad());
        }
        let byte =
            |pair: &[u8]| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok());
        digits.chunks_exact(2).map(byte).collect::<Option<_>>().ok_or_else(bad)
    }

    fn array(&self) -> Result<[u8; 16]> {
        self.bytes()?.try_into().map_err(|_| self.wrong("16 bytes are expected"))
    }
}

fn hex(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "-".into();
    }
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A text without tabs and line ends.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\t', "\\t").replace('\n', "\\n").replace('\r', "\\r")
}

/// A text with its escapes replaced. `None` if there is an escape that is not known.
fn plain(escaped: &str) -> Option<String> {
    let mut text = String::with_capacity(escaped.len());
    let mut letters = escaped.chars();
    while let Some(letter) = letters.next() {
        text.push(match letter {
            '\\' => match letters.next()? {
                '\\' => '\\',
                't' => '\t',
                'n' => '\n',
                'r' => '\r',
                _ => return None,
            },
            letter => letter,
        });
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(schema: &str, lines: &[&str]) -> Result<Shards> {
        let mut text = format!("{TITLE}\nsource\t{}\t7\ntable\ta\\tb\nschema\t{schema}\n", "0f".repeat(16));
        for line in lines {
            text += &format!("{line}\n");
        }
        let sum = checksum(text.as_bytes());
        text += &format!("end\t{sum:08x}\n");
        parse(Path::new("/x"), text.as_bytes())
    }

    const ID: &str = "00000000000000000000000000000001";

    #[test]
    fn a_list_comes_back_from_its_text() {
        let shard = |name: &str, rows: u64, first: &str, last: &str| {
            format!("shard\t{name}\t{rows}\t{ID}\t{first}\t{last}")
        };
        let shards = list(
            "id: u16 key, x: i8",
            &[
                "by\t1",
                "rows\t5",
                &shard("a-0000.dry", 2, "0100", "0200"),
                &shard("a-0001.dry", 3, "0300", "0001"),
            ],
        )
        .unwrap();
        assert_eq!((shards.table(), shards.len(), shards.rows(), shards.transaction()), ("a\tb", 2, 5, 7));
        let last = shards.get(1).unwrap();
        assert_eq!((last.numbers(), last.first(), last.last()), (2..5, vec![3.into()], vec![256.into()]));
        assert_eq!(last.path(), Path::new("/x/a-0001.dry"));
        let again = parse(Path::new("/x"), text(&shards).as_bytes()).unwrap();
        assert_eq!(text(&again), text(&shards));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let shard = |name: &str, rows: &str, first: &str, last: &str| {
            format!("shard\t{name}\t{rows}\t{ID}\t{first}\t{last}")
        };
        let good = shard("a", "2", "0100", "0200");
        for (by, rows, lines, why) in [
            ("1", "3", vec![good.clone()], "another number of rows"),
            ("2", "2", vec![good.clone()], "fields of the key"),
            ("0", "2", vec![good.clone()], "fields of the key"),
            ("1", "x", vec![good.clone()], "a number"),
            ("1", "0", vec![], "another number of rows"),
            ("1", "2", vec![shard("../a", "2", "0100", "0200")], "name of a file"),
            ("1", "2", vec![shard("..", "2", "0100", "0200")], "name of a file"),
            ("1", "2", vec![shard("a", "2", "0300", "0200")], "before its first"),
            ("1", "2", vec![shard("a", "2", "03", "0200")], "2 bytes"),
            ("1", "2", vec![shard("a", "2", "03zz", "0200")], "hexadecimal"),
            ("1", "4", vec![good.clone(), shard("b", "2", "0200", "0300")], "overlap"),
            ("1", "4", vec![good.clone(), shard("a", "2", "0300", "0400")], "two shards"),
            (
                "1",
                "1",
                vec![good.clone(), shard("b", "18446744073709551615", "0300", "0400")],
                "as many rows",
            ),
            ("1", "2", vec![good.replace("shard", "shart")], "line 7"),
            ("1", "2", vec![format!("{good}\t")], "5 parts"),
            ("1", "2", vec![good.replace("\ta\t", "\ta\\x\t")], "5 parts"),
        ] {
            let mut all = vec![format!("by\t{by}"), format!("rows\t{rows}")];
            all.extend(lines);
            let lines: Vec<&str> = all.iter().map(String::as_str).collect();
            let error = list("id: u16 key, x: i8", &lines).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Input, "{error}");
            assert!(error.to_string().contains(why), "{error}, not {why}");
        }
        let whole = list("x: i8", &["by\t0", "rows\t2", &shard("a", "2", "-", "-")]).unwrap();
        let whole = text(&whole);
        for length in 0..whole.len() {
            assert!(parse(Path::new("/x"), &whole.as_bytes()[..length]).is_err(), "{length} bytes");
        }
        for at in 0..whole.len() {
            let mut bytes = whole.clone().into_bytes();
            bytes[at] ^= 1;
            assert!(parse(Path::new("/x"), &bytes).is_err(), "byte {at}");
        }
        let error = parse(Path::new("/x"), whole.replace("shards 1", "shards 2").as_bytes()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::FutureFormat);
    }
}
