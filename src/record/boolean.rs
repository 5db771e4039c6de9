//! `Bool`: a truth value for which any byte is valid.

use std::fmt;

use bytemuck::{Pod, Zeroable};

/// The type of a `bool` field in a typed record. Rust's own `bool` cannot be one: of its 256 bit
/// patterns only two are allowed, and a file may hold any.
///
/// ```
/// use drystone::Bool;
///
/// assert!(Bool::new(true).get());
/// assert_eq!(Bool::from(false), Bool::FALSE);
/// ```
#[derive(Clone, Copy, Default, Pod, Zeroable)]
#[repr(transparent)]
pub struct Bool(u8);

impl Bool {
    /// `false`
    pub const FALSE: Bool = Bool(0);
    /// `true`
    pub const TRUE: Bool = Bool(1);
    /// The byte that means null in a nullable field.
    pub(super) const RESERVED: Bool = Bool(0xFF);

    /// This truth value.
    ///
    /// ```
    /// use drystone::Bool;
    ///
    /// assert_eq!(Bool::new(true), Bool::TRUE);
    /// ```
    pub const fn new(value: bool) -> Bool {
        Bool(value as u8)
    }

    /// The truth value. A byte that is neither 0 nor 1 counts as true here. Reading the field as a
    /// [`Value`](crate::Value) reports it as damage.
    ///
    /// ```
    /// use drystone::Bool;
    ///
    /// assert!(Bool::TRUE.get() && !Bool::FALSE.get());
    /// ```
    pub const fn get(self) -> bool {
        self.0 != 0
    }
}

impl From<bool> for Bool {
    fn from(value: bool) -> Bool {
        Bool::new(value)
    }
}

impl From<Bool> for bool {
    fn from(value: Bool) -> bool {
        value.get()
    }
}

impl PartialEq for Bool {
    fn eq(&self, other: &Bool) -> bool {
        self.get() == other.get()
    }
}

impl Eq for Bool {}

impl PartialEq<bool> for Bool {
    fn eq(&self, other: &bool) -> bool {
        self.get() == *other
    }
}

impl PartialOrd for Bool {
    fn partial_cmp(&self, other: &Bool) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Bool {
    fn cmp(&self, other: &Bool) -> std::cmp::Ordering {
        self.get().cmp(&other.get())
    }
}

impl std::hash::Hash for Bool {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.get().hash(state);
    }
}

impl std::ops::Not for Bool {
    type Output = Bool;

    fn not(self) -> Bool {
        Bool::new(!self.get())
    }
}

impl fmt::Display for Bool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

impl fmt::Debug for Bool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}
