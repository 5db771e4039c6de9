//! One field of a schema: its name, type, place, default, and the stored bytes that mean null.

use std::fmt;
use std::hash::{Hash, Hasher};

use super::EnumNames;
use super::types::Type;
use crate::error::{Error, ErrorKind, Result, bail};
use crate::limits::{NAME_BYTES, ROW_BYTES};
use crate::order::Scalar;

/// A field of a [`Schema`](crate::Schema): name, type, whether it may be null, whether it belongs
/// to the key, the byte offset in the record, and the default.
///
/// Two fields are equal if name, type, nullability and key agree. Defaults and offsets are not
/// compared.
///
/// ```
/// use drystone::{Schema, Type};
///
/// let schema: Schema = "id: u64 key, x: i32, delay: i16? = null".parse()?;
/// let delay = schema.field("delay")?;
/// assert_eq!((delay.ty(), delay.offset(), delay.width()), (&Type::I16, 12, 2));
/// assert!(delay.is_nullable() && !delay.is_key());
/// assert_eq!(delay.null(), Some(&i16::MIN.to_le_bytes()[..]));
/// # Ok::<(), drystone::Error>(())
/// ```
#[derive(Clone)]
pub struct FieldDef {
    name: Box<str>,
    ty: Type,
    key: bool,
    offset: usize,
    /// The reserved bytes, if the field is nullable.
    null: Option<Box<[u8]>>,
    default: Option<Box<[u8]>>,
}

impl FieldDef {
    /// A field that is not part of a schema yet; its offset is 0 until it is. It is not nullable,
    /// not part of a key, and has no default.
    ///
    /// ```
    /// use drystone::{FieldDef, Schema, Type};
    ///
    /// let id = FieldDef::new("id", Type::U64)?.key()?;
    /// let delay = FieldDef::new("delay", Type::I16)?.nullable()?.default_text("-7")?;
    /// assert_eq!(Schema::new(vec![id, delay])?.to_string(), "id: u64 key, delay: i16? = -7");
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Schema`](ErrorKind::Schema) if the name is empty, longer than 64 bytes or contains control
    /// characters, or if the width of the type is 0 or above the limit.
    pub fn new(name: &str, ty: impl Into<Type>) -> Result<FieldDef> {
        FieldDef::of(name, ty, false, false)
    }

    /// The same field, made nullable. A default stays; it becomes null if it is the value that
    /// means null.
    ///
    /// ```
    /// use drystone::{FieldDef, Type};
    ///
    /// assert!(FieldDef::new("delay", Type::I16)?.nullable()?.is_nullable());
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Schema`](ErrorKind::Schema) if it is part of a key.
    pub fn nullable(self) -> Result<FieldDef> {
        FieldDef::of(&self.name, &self.ty, true, self.key)?.with_default(self.default.map(Into::into))
    }

    /// The same field as part of the key.
    ///
    /// ```
    /// use drystone::{FieldDef, Type};
    ///
    /// assert!(FieldDef::new("id", Type::U64)?.key()?.is_key());
    /// assert!(FieldDef::new("delay", Type::I16)?.nullable()?.key().is_err());
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Schema`](ErrorKind::Schema) if it is nullable, or an array, which has no order.
    pub fn key(self) -> Result<FieldDef> {
        FieldDef::of(&self.name, &self.ty, self.is_nullable(), true)?
            .with_default(self.default.map(Into::into))
    }

    /// The same field with another name.
    ///
    /// ```
    /// use drystone::Schema;
    ///
    /// let schema: Schema = "delay: i16?".parse()?;
    /// assert_eq!(schema.field("delay")?.clone().renamed("dep_delay")?.name(), "dep_delay");
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`new`](FieldDef::new).
    pub fn renamed(self, name: &str) -> Result<FieldDef> {
        FieldDef::of(name, &self.ty, self.is_nullable(), self.key)?.with_default(self.default.map(Into::into))
    }

    /// The same field with this default, as stored bytes.
    ///
    /// ```
    /// use drystone::{FieldDef, Schema, Type};
    ///
    /// let delay = FieldDef::new("delay", Type::I16)?.default_bytes(&[5, 0])?;
    /// assert_eq!(Schema::new(vec![delay])?.to_string(), "delay: i16 = 5");
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Value`](ErrorKind::Value) if the bytes are not a value of this field.
    pub fn default_bytes(self, stored: &[u8]) -> Result<FieldDef> {
        self.with_default(Some(stored.to_vec()))
    }

    /// The same field with this default, as text: see [`parse_text`](FieldDef::parse_text).
    ///
    /// ```
    /// use drystone::{FieldDef, Type};
    ///
    /// let day = FieldDef::new("day", Type::Date)?.default_text("1970-01-02")?;
    /// assert_eq!(day.default(), Some(&[1, 0, 0, 0][..]));
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Value`](ErrorKind::Value) if the text is not a value of this field.
    pub fn default_text(self, text: &str) -> Result<FieldDef> {
        let mut stored = vec![0; self.width()];
        self.parse_text(text, &mut stored).map_err(|error| error.within("default"))?;
        self.with_default(Some(stored))
    }

    /// A field from all its parts. [`new`](FieldDef::new) and the methods after it are the public
    /// form.
    pub(crate) fn of(name: &str, ty: impl Into<Type>, nullable: bool, key: bool) -> Result<FieldDef> {
        let ty = match ty.into() {
            Type::Enum(names) => {
                Type::Enum(names.listed().map_err(|error| error.within(format!("field {name:?}")))?)
            }
            other => other,
        };
        match problem(name, &ty, nullable, key) {
            Some(problem) => bail!(Schema, "field {name:?}: {problem}"),
            None => Ok(FieldDef {
                name: name.into(),
                key,
                offset: 0,
                null: nullable.then(|| reserved(&ty).into()),
                default: None,
                ty,
            }),
        }
    }

    /// The same field with this default (stored bytes), or without one.
    pub(crate) fn with_default(mut self, stored: Option<Vec<u8>>) -> Result<FieldDef> {
        if let Some(stored) = &stored
            && let Err(error) = self.check(stored)
        {
            bail!(Value, "the default of {error}");
        }
        self.default = stored.map(Into::into);
        Ok(self)
    }

    /// The same field with more names at the end of its enumeration. A default stays.
    pub(super) fn append_names<S: AsRef<str>>(&self, more: impl IntoIterator<Item = S>) -> Result<FieldDef> {
        let place = |error: Error| error.within(format!("field {:?}", self.name));
        let Some(names) = self.names() else {
            bail!(Schema, "field {:?} is of type {}; only enumerations have names", self.name, self.ty)
        };
        let longer = names.append(more).map_err(place)?;
        let field = FieldDef::of(&self.name, Type::Enum(longer), self.is_nullable(), self.key)?;
        let default = self.default().map(|stored| match field.null() {
            Some(null) if self.is_null(stored) => null.to_vec(),
            _ => {
                let mut wider = stored.to_vec();
                wider.resize(field.width(), 0);
                wider
            }
        });
        field.with_default(default)
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The type, without nullability.
    pub fn ty(&self) -> &Type {
        &self.ty
    }

    /// The names, if the field is an enumeration.
    pub fn names(&self) -> Option<&EnumNames> {
        if let Type::Enum(names) = &self.ty { Some(names) } else { None }
    }

    /// Whether the field may be null.
    pub fn is_nullable(&self) -> bool {
        self.null.is_some()
    }

    /// Whether the field is part of the key.
    pub fn is_key(&self) -> bool {
        self.key
    }

    /// The offset of the field in the record, in bytes.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// The width of the field, in bytes.
    #[inline]
    pub fn width(&self) -> usize {
        self.ty.width()
    }

    /// The default as stored bytes, if the field has one.
    pub fn default(&self) -> Option<&[u8]> {
        self.default.as_deref()
    }

    /// The stored bytes that mean null, if the field is nullable.
    ///
    /// The least of the signed numbers, of `date` and of `timestamp`, the greatest of the unsigned
    /// ones, 0xFF or 0xFFFF for an enumeration, the NaN whose bits are all ones, 0xFF for `bool`,
    /// 0xFF in each byte of `bytes[N]` and `uuid`, 0xFF and then zeros for `str[N]` (no UTF-8
    /// begins so), and for an array all elements reserved.
    pub fn null(&self) -> Option<&[u8]> {
        self.null.as_deref()
    }

    /// Whether these stored bytes mean null. Always false in a field that is not nullable.
    ///
    /// ```
    /// use drystone::Schema;
    ///
    /// let schema: Schema = "delay: i16?".parse()?;
    /// assert!(schema.field("delay")?.is_null(&i16::MIN.to_le_bytes()));
    /// # Ok::<(), drystone::Error>(())
    /// ```
    #[inline]
    pub fn is_null(&self, stored: &[u8]) -> bool {
        match (&self.null, &self.ty) {
            (None, _) => false,
            (Some(_), Type::Str(_)) => stored.first() == Some(&0xFF),
            (Some(null), _) => **null == *stored,
        }
    }

    /// The type, with a question mark if the field is nullable: `i16?`. For an enumeration with
    /// many names, shows only the first ones.
    pub(crate) fn type_text(&self) -> impl fmt::Display {
        TypeText(&self.ty, self.is_nullable())
    }

    /// The initial stored bytes of this field: its default, else null, else zeros.
    pub(super) fn initial(&self, out: &mut [u8]) {
        match self.default().or(self.null()) {
            Some(stored) => out.copy_from_slice(stored),
            None => out.fill(0),
        }
    }

    pub(super) fn at_offset(mut self, offset: usize) -> FieldDef {
        self.offset = offset;
        self
    }

    /// An error unless there are as many bytes as the field is wide.
    #[inline]
    pub(crate) fn check_width(&self, bytes: usize) -> Result<()> {
        if bytes == self.width() { Ok(()) } else { Err(self.wrong_width(bytes)) }
    }

    #[cold]
    fn wrong_width(&self, bytes: usize) -> Error {
        let message = format!(
            "field {:?}: {} is {} bytes wide, not {bytes}",
            self.name,
            self.type_text(),
            self.width()
        );
        Error::new(ErrorKind::Value, message)
    }
}

impl PartialEq for FieldDef {
    fn eq(&self, other: &FieldDef) -> bool {
        (&self.name, &self.ty, self.key, self.is_nullable())
            == (&other.name, &other.ty, other.key, other.is_nullable())
    }
}

impl Eq for FieldDef {}

impl Hash for FieldDef {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.name, &self.ty, self.key, self.is_nullable()).hash(state);
    }
}

impl fmt::Debug for FieldDef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} @ {}", self.offset)
    }
}

struct TypeText<'a>(&'a Type, bool);

impl fmt::Display for TypeText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 8;
        let null = if self.1 { "?" } else { "" };
        match self.0 {
            Type::Enum(names) if names.len() > SHOWN => {
                let first: Vec<&str> = names.iter().take(SHOWN).collect();
                write!(f, "enum[{}, …]{null}", first.join(", "))
            }
            ty => write!(f, "{ty}{null}"),
        }
    }
}

/// Why there cannot be such a field, if there cannot.
pub(super) fn problem(name: &str, ty: &Type, nullable: bool, key: bool) -> Option<String> {
    let width = ty.width();
    Some(if name.is_empty() {
        "a field needs a name".into()
    } else if name.len() > NAME_BYTES {
        format!("a name has at most {NAME_BYTES} bytes, and this one has {}", name.len())
    } else if name.chars().any(char::is_control) {
        "a name cannot contain control characters".into()
    } else if width == 0 {
        format!("{ty} has no bytes; the length goes from 1 to 65535")
    } else if width > ROW_BYTES {
        format!("{ty} takes {width} bytes, and a record has at most {}", ROW_BYTES)
    } else if key && nullable {
        "a key field cannot be null; remove the question mark or the word key".into()
    } else if key && !ty.can_be_key() {
        format!(
            "an array such as {ty} cannot be a key, as arrays have no order; use bytes[N] or several fields"
        )
    } else {
        return None;
    })
}

/// The value of each type that is reserved for null.
fn reserved(ty: &Type) -> Vec<u8> {
    match ty {
        // No UTF-8 begins with this byte.
        Type::Str(length) => {
            let mut stored = vec![0; usize::from(*length)];
            stored[0] = 0xFF;
            stored
        }
        Type::Array(number, length) => reserved(&number.as_type()).repeat(usize::from(*length)),
        ty => ty.scalar().map_or_else(Vec::new, Scalar::null),
    }
}
