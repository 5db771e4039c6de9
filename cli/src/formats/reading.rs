//! Options that say how a file is read: those of the library's readers, under the same names.

use std::str::FromStr;

use clap::{Args, ValueEnum};
use drystone::{Error, TimestampUnit};

use super::names::Renames;

/// How to read a file.
#[derive(Args)]
#[command(next_help_heading = "Reading")]
pub(crate) struct Reading {
    /// What separates the fields of a CSV: a character, or comma, semicolon, tab, pipe, space, a
    /// byte such as 0x01, or blanks for any number of blanks and tabs. Without this, a .tsv has
    /// tabs, and for others it is guessed from the first lines
    #[arg(long, value_name = "CHARACTER", allow_hyphen_values = true)]
    pub(crate) delimiter: Option<Separator>,
    /// The CSV has no header: its columns are named by --schema or the table, in order, or else c0,
    /// c1 and so on
    #[arg(long)]
    pub(crate) no_header: bool,
    /// Skip lines of a CSV that begin with this
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) comment: Option<String>,
    /// Skip this many lines at the beginning of a CSV
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub(crate) skip_lines: u64,
    /// Numbers of the CSV have a decimal comma, and points only between thousands
    #[arg(long)]
    pub(crate) decimal_comma: bool,
    /// Leave out blanks around the fields of a CSV. Done without this if the names in the header
    /// have blanks before them
    #[arg(long)]
    pub(crate) trim: bool,
    /// Take the column OLD for the field NEW. May be a list, and be given more than once; a name
    /// with a comma or an equals sign stands in back quotes
    #[arg(long, value_name = "OLD=NEW")]
    pub(crate) rename: Vec<Renames>,
    /// What numbers in fields of timestamps count since 1970
    #[arg(long, value_name = "UNIT")]
    pub(crate) timestamp_unit: Option<Unit>,
    /// Allow numbers to be rounded, in an f32 field for example, and what is beyond microseconds to
    /// be cut off timestamps; without this, a value that its field does not keep is an error
    #[arg(long)]
    pub(crate) round: bool,
    /// Pick types by the first N rows only. The others are checked when they are loaded
    #[arg(long, value_name = "N", conflicts_with_all = ["schema", "schema_file"], value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) sample: Option<u64>,
}

impl Reading {
    /// An option that was given and that is for CSV alone.
    pub(crate) fn csv_option(&self) -> Option<&'static str> {
        let options = [
            (self.delimiter.is_some(), "--delimiter"),
            (self.no_header, "--no-header"),
            (self.comment.is_some(), "--comment"),
            (self.skip_lines > 0, "--skip-lines"),
            (self.decimal_comma, "--decimal-comma"),
            (self.trim, "--trim"),
        ];
        options.into_iter().find_map(|(is_given, option)| is_given.then_some(option))
    }

    /// All pairs of names of columns and fields.
    pub(crate) fn renames(&self) -> impl Iterator<Item = &(String, String)> {
        self.rename.iter().flat_map(|renames| &renames.0)
    }
}

/// What separates the fields of a line.
#[derive(Clone, Copy)]
pub(crate) enum Separator {
    Byte(u8),
    Blanks,
}

impl FromStr for Separator {
    type Err = String;

    fn from_str(text: &str) -> Result<Separator, String> {
        Ok(Separator::Byte(match &*text.to_ascii_lowercase() {
            "blanks" => return Ok(Separator::Blanks),
            "comma" => b',',
            "semicolon" => b';',
            "tab" | "\\t" => b'\t',
            "pipe" => b'|',
            "space" => b' ',
            other => match (other.strip_prefix("0x"), text.as_bytes()) {
                (Some(digits), _) => u8::from_str_radix(digits, 16).map_err(|_| NO_SEPARATOR)?,
                (None, [byte]) => *byte,
                _ => return Err(NO_SEPARATOR.into()),
            },
        }))
    }
}

const NO_SEPARATOR: &str =
    "one character is expected, or comma, semicolon, tab, pipe, space, blanks, or a byte such as 0x01";

/// A unit of time.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Unit {
    /// Seconds
    S,
    /// Milliseconds
    Ms,
    /// Microseconds
    Us,
    /// Nanoseconds
    Ns,
}

impl From<Unit> for TimestampUnit {
    fn from(unit: Unit) -> TimestampUnit {
        match unit {
            Unit::S => TimestampUnit::Seconds,
            Unit::Ms => TimestampUnit::Millis,
            Unit::Us => TimestampUnit::Micros,
            Unit::Ns => TimestampUnit::Nanos,
        }
    }
}

/// An error of the library with the options of the command that it speaks of.
pub(crate) fn with_options(error: Error) -> Error {
    let message = error.to_string();
    match named(&message) {
        Some(named) => Error::new(error.kind(), named),
        None => error,
    }
}

/// A message with the options of the command that it speaks of. `None` if it speaks of no option.
pub(crate) fn named(message: &str) -> Option<String> {
    const OPTIONS: [(&str, &str); 4] = [
        ("allow rounding", " (--round)"),
        ("have such columns ignored", " (--ignore-unknown)"),
        ("the input has no header", " (--no-header)"),
        ("are s, ms, us or ns since 1970", " (--timestamp-unit)"),
    ];
    let mut named = message.to_owned();
    for (phrase, option) in OPTIONS.into_iter().filter(|(phrase, _)| message.contains(phrase)) {
        named = named.replacen(phrase, &format!("{phrase}{option}"), 1);
    }
    (named.len() > message.len()).then_some(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_have_names() {
        for (text, byte) in
            [("tab", b'\t'), ("\t", b'\t'), (";", b';'), ("0x1F", 0x1F), ("-", b'-'), (" ", b' ')]
        {
            assert!(matches!(text.parse(), Ok(Separator::Byte(other)) if other == byte), "{text:?}");
        }
        assert!(matches!("blanks".parse(), Ok(Separator::Blanks)));
        for wrong in ["", ";;", "0x", "0x100", "\u{e9}"] {
            assert!(wrong.parse::<Separator>().is_err(), "{wrong:?}");
        }
    }
}
