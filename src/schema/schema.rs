//! `Schema`: its fields and their offsets in a row.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use super::field::FieldDef;
use super::messages::{nearest, shown};
use crate::error::{Error, ErrorKind, Result, bail};
use crate::limits::{FIELDS, KEY_BYTES, ROW_BYTES};

/// The layout of a record: its fields in order, packed without padding. Cheap to clone.
///
/// Its text form is the same everywhere: on the command line, in files, in errors.
///
/// ```
/// use drystone::Schema;
///
/// let schema: Schema = "id: u64 key, x: i32, carrier: str[2], delay: i16? = null".parse()?;
/// assert_eq!((schema.width(), schema.key_width()), (16, 8));
/// assert_eq!(schema.field("carrier")?.offset(), 12);
/// assert_eq!(schema.to_string(), "id: u64 key, x: i32, carrier: str[2], delay: i16? = null");
/// # Ok::<(), drystone::Error>(())
/// ```
///
/// # Text form
/// `name: type`, then `?` if the field is nullable, the word `key` if it belongs to the key, and `=
/// literal` for a default. Fields are separated by commas. The names of an enumeration are listed
/// in brackets: `side: enum[buy, sell]`. A name that is not an identifier is quoted: `"dep time":
/// i16`. Text literals are quoted as well, and a quote within quotes is doubled. Spaces and
/// newlines may appear between words, a trailing comma is allowed, and `#` begins a comment that
/// ends with the line.
///
/// # Limits
/// 1 to 1,024 fields; 65,535 bytes per record; 256 bytes per key; 64 bytes per name. Key fields
/// come first, and are neither nullable nor arrays. A schema may consist of its key alone: a table
/// with it is a set.
///
/// # Equality
/// Schemas are equal if names, types, nullability and keys agree, in order. Defaults are not
/// compared: they say what is written if no value is given, not what stored bytes mean.
#[derive(Clone)]
pub struct Schema(Arc<Layout>);

struct Layout {
    fields: Box<[FieldDef]>,
    /// Positions of the fields, sorted by name.
    by_name: Box<[u16]>,
    key_fields: usize,
    key_width: usize,
    width: usize,
    /// A hash of what makes two schemas equal. A field handle keeps it to recognise its schema.
    fingerprint: u32,
    /// A whole row of defaults.
    initial: Box<[u8]>,
}

impl Schema {
    /// A schema of these fields. It computes their offsets.
    ///
    /// ```
    /// use drystone::{FieldDef, Schema, Type};
    ///
    /// let schema = Schema::new(vec![
    ///     FieldDef::new("id", Type::U64)?.key()?,
    ///     FieldDef::new("delay", Type::I16)?.nullable()?,
    /// ])?;
    /// assert_eq!(schema.to_string(), "id: u64 key, delay: i16?");
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Schema`](ErrorKind::Schema) if there are no fields or too many, if two have the same name,
    /// if a key field comes after another field, or if a record or a key has too many bytes.
    pub fn new(fields: Vec<FieldDef>) -> Result<Schema> {
        match problem(&fields) {
            Some((Some(at), problem)) => bail!(Schema, "field {:?}: {problem}", fields[at].name()),
            Some((None, problem)) => bail!(Schema, "{problem}"),
            None => Ok(Schema(Arc::new(lay_out(fields)))),
        }
    }

    /// This schema with one more field at the end.
    ///
    /// ```
    /// use drystone::{FieldDef, Schema, Type};
    ///
    /// let schema: Schema = "id: u64 key".parse()?;
    /// let longer = schema.append(FieldDef::new("x", Type::I32)?)?;
    /// assert_eq!(longer.to_string(), "id: u64 key, x: i32");
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Schema`](ErrorKind::Schema) if the field is a key field, or as for [`new`](Schema::new).
    pub fn append(&self, field: FieldDef) -> Result<Schema> {
        if field.is_key() {
            bail!(
                Schema,
                "field {:?}: a field that is appended cannot be part of the key; rewrite the table",
                field.name()
            );
        }
        Schema::new(self.fields().iter().cloned().chain([field]).collect())
    }

    /// This schema with more names at the end of an enumeration. Stored rows keep their meaning. If
    /// the number of names goes beyond 256, the field takes two bytes instead of one, which changes
    /// the width of rows.
    ///
    /// ```
    /// use drystone::Schema;
    ///
    /// let schema: Schema = "side: enum[buy, sell]".parse()?;
    /// let schema = schema.append_names("side", ["hold"])?;
    /// assert_eq!(schema.to_string(), "side: enum[buy, sell, hold]");
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`FieldNotFound`](ErrorKind::FieldNotFound) if there is no such field;
    /// [`Schema`](ErrorKind::Schema) if it is not an enumeration, and as for
    /// [`append`](super::EnumNames::append).
    pub fn append_names<S: AsRef<str>>(
        &self,
        field: &str,
        names: impl IntoIterator<Item = S>,
    ) -> Result<Schema> {
        let changed = self.field(field)?.append_names(names)?;
        let fields =
            self.fields().iter().map(|field| if field.name() == changed.name() { &changed } else { field });
        Schema::new(fields.cloned().collect())
    }

    /// This schema with these fields as its key: they come first, in this order, then the others in
    /// theirs.
    ///
    /// ```
    /// use drystone::Schema;
    ///
    /// let schema: Schema = "x: i32, id: u64, delay: i16?".parse()?;
    /// assert_eq!(schema.with_key(&["id"])?.to_string(), "id: u64 key, x: i32, delay: i16?");
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`FieldNotFound`](ErrorKind::FieldNotFound) if there is no such field;
    /// [`Schema`](ErrorKind::Schema) if it cannot be part of a key because it is nullable, an
    /// array, or named twice.
    pub fn with_key<S: AsRef<str>>(&self, names: &[S]) -> Result<Schema> {
        let is_named = |field: &&FieldDef| names.iter().any(|name| name.as_ref() == field.name());
        let of = |field: &FieldDef, key| {
            FieldDef::of(field.name(), field.ty(), field.is_nullable(), key)?
                .with_default(field.default().map(Into::into))
        };
        let key = names.iter().map(|name| of(self.field(name.as_ref())?, true));
        let others = self.fields().iter().filter(|field| !is_named(field)).map(|field| of(field, false));
        Schema::new(key.chain(others).collect::<Result<_>>()?)
    }

    /// All fields, in order.
    pub fn fields(&self) -> &[FieldDef] {
        &self.0.fields
    }

    /// The field of this name.
    ///
    /// ```
    /// use drystone::Schema;
    ///
    /// let schema: Schema = "id: u64, delay: i16?".parse()?;
    /// assert_eq!(schema.field("delay")?.offset(), 8);
    /// let error = schema.field("dely").unwrap_err();
    /// assert!(error.to_string().contains("did you mean \"delay\"?"));
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`FieldNotFound`](ErrorKind::FieldNotFound) if there is none. The message names the nearest
    /// and lists all.
    pub fn field(&self, name: &str) -> Result<&FieldDef> {
        self.position(name).map(|at| &self.fields()[at]).ok_or_else(|| self.no_such_field(name))
    }

    /// The position of the field of this name.
    ///
    /// ```
    /// use drystone::Schema;
    ///
    /// let schema: Schema = "id: u64, delay: i16?".parse()?;
    /// assert_eq!(schema.position("delay"), Some(1));
    /// assert_eq!(schema.position("carrier"), None);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn position(&self, name: &str) -> Option<usize> {
        let by_name = &self.0.by_name;
        let found = by_name.binary_search_by(|&at| self.fields()[usize::from(at)].name().cmp(name));
        found.ok().map(|found| by_name[found].into())
    }

    /// The width of a record, in bytes.
    pub fn width(&self) -> usize {
        self.0.width
    }

    /// The width of the key, in bytes; 0 if there is none. A record begins with its key.
    pub fn key_width(&self) -> usize {
        self.0.key_width
    }

    /// The fields of the key.
    pub fn key_fields(&self) -> &[FieldDef] {
        &self.fields()[..self.0.key_fields]
    }

    /// Whether there is a key. Without a key, rows are addressed by number.
    pub fn is_keyed(&self) -> bool {
        self.0.key_fields > 0
    }

    /// Equal for equal schemas, and different for nearly all others. It may differ between builds
    /// and runs of the program, so it must not be stored in files.
    #[inline]
    pub(crate) fn fingerprint(&self) -> u32 {
        self.0.fingerprint
    }

    /// A row of defaults: each field's default, else null if it is nullable, else zeros (0,
    /// `false`, empty text, 1970-01-01).
    ///
    /// ```
    /// use drystone::Schema;
    ///
    /// let schema: Schema = "x: u8, y: u8 = 5".parse()?;
    /// assert_eq!(schema.default_bytes(), [0, 5]);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn default_bytes(&self) -> &[u8] {
        &self.0.initial
    }

    /// An error unless a row of this schema has this many bytes.
    pub(crate) fn check_width(&self, bytes: usize) -> Result<()> {
        if bytes != self.width() {
            bail!(Value, "a row of {bytes} bytes for a schema of {}: {self}", self.width());
        }
        Ok(())
    }

    /// An error unless the two are equal; it shows both. `what` names the other: `the type Flight`.
    pub(crate) fn check_same(&self, what: &str, other: &Schema) -> Result<()> {
        if self != other {
            bail!(
                Schema,
                "the schema is ({self}), {} bytes; {what} has ({other}), {} bytes",
                self.width(),
                other.width()
            );
        }
        Ok(())
    }

    #[cold]
    pub(crate) fn no_such_field(&self, name: &str) -> Error {
        let nearest = nearest(name, self.fields().iter().map(FieldDef::name));
        let nearest = nearest.map(|nearest| format!(" (did you mean {nearest:?}?)")).unwrap_or_default();
        let all: Vec<&str> = self.fields().iter().take(40).map(FieldDef::name).collect();
        let rest = if self.fields().len() > all.len() { ", …" } else { "" };
        let message = format!("no field {:?}{nearest}; the fields are {}{rest}", shown(name), all.join(", "));
        Error::new(ErrorKind::FieldNotFound, message).of_field(name)
    }
}

impl PartialEq for Schema {
    fn eq(&self, other: &Schema) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.fields() == other.fields()
    }
}

impl Eq for Schema {}

impl Hash for Schema {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.fields().hash(state);
    }
}

impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, field) in self.fields().iter().enumerate() {
            write!(f, "{}{field}", if at == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Schema({self})")
    }
}

fn lay_out(fields: Vec<FieldDef>) -> Layout {
    let mut width = 0;
    let mut initial = Vec::new();
    let fields: Box<[FieldDef]> = fields
        .into_iter()
        .map(|field| {
            let field = field.at_offset(width);
            width += field.width();
            initial.resize(width, 0);
            field.initial(&mut initial[field.offset()..]);
            field
        })
        .collect();
    // At most 1,024 fields, as `problem` has seen to.
    let mut by_name: Box<[u16]> = (0..fields.len() as u16).collect();
    by_name.sort_unstable_by_key(|&at| fields[usize::from(at)].name());
    let key = fields.iter().take_while(|field| field.is_key());
    let (key_fields, key_width) =
        key.fold((0, 0), |(count, width), field| (count + 1, width + field.width()));
    let mut hasher = DefaultHasher::new();
    fields.hash(&mut hasher);
    let fingerprint = hasher.finish() as u32;
    Layout { by_name, key_fields, key_width, width, fingerprint, initial: initial.into(), fields }
}

/// Why these fields cannot make a schema, if they cannot, and which of them is to blame.
pub(super) fn problem(fields: &[FieldDef]) -> Option<(Option<usize>, String)> {
    if fields.is_empty() {
        return Some((None, "a schema needs at least one field, such as \"id: u64 key\"".into()));
    }
    let mut names = std::collections::HashSet::new();
    let (mut width, mut key_width) = (0, 0);
    for (at, field) in fields.iter().enumerate() {
        width += field.width();
        key_width += if field.is_key() { field.width() } else { 0 };
        let problem = if at == FIELDS {
            format!("a record has at most {FIELDS} fields")
        } else if !names.insert(field.name()) {
            "another field has this name; rename one".into()
        } else if field.is_key() && at > 0 && !fields[at - 1].is_key() {
            format!("key fields come first; move it before {:?}", fields[0].name())
        } else if width > ROW_BYTES {
            format!("a record has at most {ROW_BYTES} bytes, and up to here there are {width}")
        } else if key_width > KEY_BYTES {
            format!("a key has at most {KEY_BYTES} bytes, and up to here there are {key_width}")
        } else {
            continue;
        };
        return Some((Some(at), problem));
    }
    None
}
