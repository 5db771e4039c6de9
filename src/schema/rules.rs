//! How a text is read where there is a choice: what a number in a timestamp counts, which character
//! is the decimal mark, and whether a number may be rounded. The options of the formats set it.

/// What the numbers count that stand for timestamps: seconds since 1970-01-01T00:00:00Z, or smaller
/// units.
///
/// ```
/// # #[cfg(feature = "csv")] {
/// use drystone::{RecordSource, RowBuf, Schema, TimestampUnit, csv};
///
/// let schema: Schema = "at: timestamp".parse()?;
/// let options = csv::Options::new().timestamp_unit(TimestampUnit::Millis);
/// let mut reader = options.reader(&schema, "at\n1372939200250\n".as_bytes())?;
/// let mut row = RowBuf::new(&schema);
/// assert!(reader.next_record(row.as_bytes_mut())?);
/// assert_eq!(row.to_string(), "at: 2013-07-04T12:00:00.25Z");
/// # }
/// # Ok::<(), drystone::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampUnit {
    /// Seconds.
    Seconds,
    /// Thousandths of a second.
    Millis,
    /// Millionths of a second, which is what a timestamp counts.
    Micros,
    /// Thousandths of a microsecond. A timestamp holds only whole microseconds.
    Nanos,
}

impl TimestampUnit {
    /// The power of ten by which a number of this unit becomes microseconds.
    pub(crate) fn power(self) -> i32 {
        match self {
            TimestampUnit::Seconds => 6,
            TimestampUnit::Millis => 3,
            TimestampUnit::Micros => 0,
            TimestampUnit::Nanos => -3,
        }
    }
}

/// How texts are read as values. The default is exact: numbers have a decimal point, and a number
/// is no timestamp.
#[derive(Clone, Debug, Default)]
pub(crate) struct TextRules {
    /// Whether a float may lose digits in an `f32`, or a whole number in a float.
    pub(crate) round: bool,
    /// What a number in a field of timestamps counts.
    pub(crate) unit: Option<TimestampUnit>,
    /// Whether numbers have a decimal comma, and points between thousands.
    pub(crate) decimal_comma: bool,
}

impl TextRules {
    /// The rules of [`FieldDef::parse_text`](super::FieldDef::parse_text).
    pub(crate) const EXACT: TextRules = TextRules { round: false, unit: None, decimal_comma: false };
}
