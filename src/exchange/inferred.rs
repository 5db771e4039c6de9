//! A schema inferred from an input, and what was found in each column.

use std::fmt;

use crate::error::{Result, bail};
use crate::schema::{FieldDef, Schema, Type};

/// The schema inferred from an input, by `infer` of the format's `Options`. It prints as a list
/// with a line per column.
///
/// ```
/// # #[cfg(feature = "csv")] {
/// use drystone::csv;
///
/// let inferred = csv::Options::new().infer("id,delay\n7,-3\n300,\n".as_bytes())?;
/// assert_eq!(inferred.schema().to_string(), "id: u16, delay: i8?");
/// assert_eq!(inferred.rows(), Some(2));
/// let delay = &inferred.columns()[1];
/// assert_eq!((delay.name(), delay.missing(), delay.is_nullable()), ("delay", 1, true));
/// # }
/// # Ok::<(), drystone::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Inferred {
    schema: Schema,
    columns: Vec<Column>,
    rows: Option<u64>,
    bad_lines: u64,
    notes: Vec<String>,
    is_sample: bool,
}

/// The type that was picked for a column, and why.
#[derive(Clone, Debug)]
pub struct Column {
    field: FieldDef,
    missing: u64,
    reason: String,
}

impl Inferred {
    /// `rows` is their number, if all were read.
    pub(super) fn new(schema: Schema, columns: Vec<Column>, rows: Option<u64>) -> Inferred {
        Inferred { schema, columns, rows, bad_lines: 0, notes: Vec::new(), is_sample: false }
    }

    #[cfg(any(feature = "csv", feature = "json"))]
    pub(super) fn with_bad_lines(mut self, bad_lines: u64) -> Inferred {
        self.bad_lines = bad_lines;
        self
    }

    /// Adds what was changed or left out.
    pub(super) fn with_notes(mut self, notes: Vec<String>) -> Inferred {
        self.notes.extend(notes);
        self
    }

    /// Says that only the first rows were looked at.
    #[cfg(any(feature = "arrow", feature = "csv", feature = "json"))]
    pub(super) fn of_sample(mut self) -> Inferred {
        let rows = self.rows.unwrap_or(0);
        let seen = if rows == 1 { "row was".into() } else { format!("{rows} rows were") };
        self.notes.push(format!(
            "only the first {seen} looked at; a later value that does not fit these types is an error when it is loaded"
        ));
        self.is_sample = true;
        self
    }

    /// The columns as fields, in their order. It has a key only if the input was written by
    /// Drystone and its metadata says so.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The schema with these fields as its key. They come first.
    ///
    /// ```
    /// # #[cfg(feature = "csv")] {
    /// use drystone::csv;
    ///
    /// let inferred = csv::Options::new().infer("delay,id\n-3,7\n,300\n".as_bytes())?;
    /// assert_eq!(inferred.with_key(&["id"])?.to_string(), "id: u16 key, delay: i8?");
    /// assert!(inferred.with_key(&["delay"]).is_err()); // values are missing
    /// # }
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Schema::with_key`]; `Schema` if values of such a column are missing.
    pub fn with_key<S: AsRef<str>>(&self, names: &[S]) -> Result<Schema> {
        for name in names {
            let name = name.as_ref();
            if let Some(column) = self.columns.iter().find(|column| column.name() == name)
                && column.missing > 0
            {
                let rows = self.rows.map(|rows| format!("{rows} ")).unwrap_or_default();
                bail!(
                    Schema,
                    "column {name:?} cannot be part of the key: {} of its {rows}values are missing",
                    column.missing
                );
            }
        }
        self.schema.with_key(names)
    }

    /// What was found in each column.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The number of rows that were looked at. `None` if the input declares its types, so that its
    /// rows were not read.
    pub fn rows(&self) -> Option<u64> {
        self.rows
    }

    /// What a person should know about the result: names that were made, columns that were left
    /// out, a delimiter that was guessed, rows that were not looked at.
    ///
    /// ```
    /// # #[cfg(feature = "csv")] {
    /// use drystone::csv;
    ///
    /// let inferred = csv::Options::new().infer(",x\n0,7\n".as_bytes())?;
    /// assert_eq!(inferred.notes(), ["column 1 has no name; it is called \"c0\""]);
    /// # }
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Whether there are rows that were not looked at, as a sample was asked for.
    pub fn is_sample(&self) -> bool {
        self.is_sample
    }

    /// The number of bad lines that were skipped, if the options of the format allow that; else 0.
    pub fn bad_lines(&self) -> u64 {
        self.bad_lines
    }
}

impl Column {
    pub(super) fn new(field: FieldDef, missing: u64, reason: String) -> Column {
        Column { field, missing, reason }
    }

    #[cfg(feature = "csv")]
    pub(super) fn field(&self) -> &FieldDef {
        &self.field
    }

    /// The name.
    pub fn name(&self) -> &str {
        self.field.name()
    }

    /// The type.
    pub fn ty(&self) -> &Type {
        self.field.ty()
    }

    /// Whether the field is nullable.
    pub fn is_nullable(&self) -> bool {
        self.field.is_nullable()
    }

    /// The number of missing values. 0 if the column was not read, because the input declares its
    /// type.
    pub fn missing(&self) -> u64 {
        self.missing
    }

    /// What was found, for people: `whole numbers, 1 to 2400; 8255 missing`.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for Inferred {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name_width = self.columns.iter().map(|column| column.name().chars().count()).max().unwrap_or(0);
        for (at, column) in self.columns.iter().enumerate() {
            let ty = column.field.type_text().to_string();
            let line_break = if at == 0 { "" } else { "\n" };
            write!(f, "{line_break}{:name_width$}  {ty:<10}  {}", column.name(), column.reason)?;
        }
        Ok(())
    }
}
