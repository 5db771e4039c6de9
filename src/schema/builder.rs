//! Builds a schema field by field at run time.

use super::{FieldDef, Schema, Type};
use crate::error::{Error, ErrorKind, Result};

/// Builds a [`Schema`] field by field; from [`Schema::builder`]. [`build`](SchemaBuilder::build)
/// reports the first mistake.
///
/// ```
/// use drystone::{Schema, Type};
///
/// let schema = Schema::builder()
///     .key("id", Type::U64)
///     .field("day", Type::Date)
///     .default_text("2013-01-31")
///     .nullable("delay", Type::I16)
///     .build()?;
/// assert_eq!(schema.to_string(), "id: u64 key, day: date = 2013-01-31, delay: i16?");
/// # Ok::<(), drystone::Error>(())
/// ```
#[derive(Debug)]
#[must_use]
pub struct SchemaBuilder {
    fields: Vec<FieldDef>,
    error: Option<Error>,
}

impl Schema {
    /// Builds a schema field by field at run time.
    ///
    /// ```
    /// use drystone::{Schema, Type};
    ///
    /// let schema = Schema::builder()
    ///     .key("id", Type::U64)
    ///     .field("x", Type::I32)
    ///     .default(7)
    ///     .nullable("delay", Type::I16)
    ///     .build()?;
    /// assert_eq!(schema.to_string(), "id: u64 key, x: i32 = 7, delay: i16?");
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn builder() -> SchemaBuilder {
        SchemaBuilder::new()
    }
}

impl SchemaBuilder {
    pub(super) fn new() -> SchemaBuilder {
        SchemaBuilder { fields: Vec::new(), error: None }
    }

    /// Adds a field to the key.
    pub fn key(self, name: &str, ty: impl Into<Type>) -> SchemaBuilder {
        self.push(FieldDef::of(name, ty, false, true))
    }

    /// Adds a field that is not nullable.
    pub fn field(self, name: &str, ty: impl Into<Type>) -> SchemaBuilder {
        self.push(FieldDef::of(name, ty, false, false))
    }

    /// Adds a field that may be null.
    pub fn nullable(self, name: &str, ty: impl Into<Type>) -> SchemaBuilder {
        self.push(FieldDef::of(name, ty, true, false))
    }

    /// Sets the default of the field that was added last, as text: `.default_text("2013-01-31")`.
    ///
    /// ```
    /// use drystone::{Schema, Type};
    ///
    /// let schema = Schema::builder().field("day", Type::Date).default_text("2013-01-31").build()?;
    /// assert!(schema.field("day")?.default().is_some());
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn default_text(self, text: &str) -> SchemaBuilder {
        self.default_stored(|field, out| field.parse_text(text, out))
    }

    /// The schema.
    ///
    /// ```
    /// use drystone::{Schema, Type};
    ///
    /// assert_eq!(Schema::builder().field("x", Type::I32).build()?.width(), 4);
    /// assert!(Schema::builder().field("x", Type::I32).key("id", Type::U64).build().is_err());
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// The first mistake of the calls before, or as for [`Schema::new`].
    pub fn build(self) -> Result<Schema> {
        match self.error {
            Some(error) => Err(error),
            None => Schema::new(self.fields),
        }
    }

    /// Sets the default of the field that was added last to the bytes that `write` writes.
    pub(crate) fn default_stored(
        mut self,
        write: impl FnOnce(&FieldDef, &mut [u8]) -> Result<()>,
    ) -> SchemaBuilder {
        if self.error.is_some() {
            return self;
        }
        let Some(field) = self.fields.pop() else {
            let message = "a default is given before any field; add the field first";
            return self.push(Err(Error::new(ErrorKind::Schema, message)));
        };
        let mut stored = vec![0; field.width()];
        match write(&field, &mut stored) {
            Ok(()) => self.push(field.with_default(Some(stored))),
            Err(error) => self.push(Err(error.within("default"))),
        }
    }

    fn push(mut self, field: Result<FieldDef>) -> SchemaBuilder {
        match field {
            Ok(field) => self.fields.push(field),
            Err(error) => self.error = self.error.or(Some(error)),
        }
        self
    }
}
