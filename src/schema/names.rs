//! `EnumNames`: the names of an enumeration, in the order in which they were declared.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::messages::{nearest, shown};
use crate::error::{Result, bail};
use crate::limits::NAME_BYTES;

/// The most names of an enumeration.
pub(super) const NAMES: usize = 1 << 16;

/// The names of an enumeration: 1 to 65,536 of them, all different, each of 1 to 64 bytes without
/// control characters.
///
/// A stored value is the position of its name, counted from 0. It takes one byte where there are at
/// most 256 names, and two bytes where there are more. Values are ordered by position, not by name.
/// Cheap to clone.
///
/// In a nullable field the greatest value of one byte, or of two, means null. So the last of 256 or
/// of 65,536 names cannot be stored there.
///
/// ```
/// use drystone::{EnumNames, Type};
///
/// let names = EnumNames::new(["buy", "sell"])?;
/// assert_eq!(names.position("sell"), Some(1));
/// assert_eq!(names.get(1), Some("sell"));
/// assert_eq!(Type::Enum(names).to_string(), "enum[buy, sell]");
/// # Ok::<(), drystone::Error>(())
/// ```
#[derive(Clone)]
pub struct EnumNames {
    count: usize,
    names: Names,
}

#[derive(Clone)]
enum Names {
    /// The names of a Rust enum. They are checked when they become part of a field.
    Fixed(&'static [&'static str]),
    Listed(Arc<Listed>),
}

/// Names that were checked.
struct Listed {
    /// All names, one after the other.
    text: Box<str>,
    /// Where each name ends in the text.
    ends: Box<[u32]>,
    /// The positions of the names, sorted by name.
    by_name: Box<[u16]>,
}

impl EnumNames {
    /// These names, in this order.
    ///
    /// ```
    /// use drystone::EnumNames;
    ///
    /// assert_eq!(EnumNames::new(["buy", "sell"])?.len(), 2);
    /// assert!(EnumNames::new(["buy", "buy"]).is_err());
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Schema`](crate::ErrorKind::Schema) if there are no names or more than 65,536, if two are
    /// the same, or if a name is empty, longer than 64 bytes or contains a control character.
    pub fn new<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Result<EnumNames> {
        let mut list = NameList::default();
        names.into_iter().try_for_each(|name| list.push(name.as_ref()))?;
        list.finish()
    }

    /// The names of a Rust enum. They are checked when they become part of a field.
    pub(crate) const fn fixed(names: &'static [&'static str]) -> EnumNames {
        EnumNames { count: names.len(), names: Names::Fixed(names) }
    }

    /// The same names, checked, and with a list by which a name is found quickly.
    pub(super) fn listed(&self) -> Result<EnumNames> {
        match self.names {
            Names::Fixed(names) => EnumNames::new(names),
            Names::Listed(_) => Ok(self.clone()),
        }
    }

    /// How many names there are; at least one.
    #[expect(clippy::len_without_is_empty, reason = "an enumeration always has names")]
    pub const fn len(&self) -> usize {
        self.count
    }

    /// The width of a stored value, in bytes: 1 or 2.
    pub const fn width(&self) -> usize {
        if self.count <= 256 { 1 } else { 2 }
    }

    /// The name at this position.
    ///
    /// ```
    /// use drystone::EnumNames;
    ///
    /// let names = EnumNames::new(["buy", "sell"])?;
    /// assert_eq!((names.get(1), names.get(2)), (Some("sell"), None));
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn get(&self, position: usize) -> Option<&str> {
        match &self.names {
            Names::Fixed(names) => names.get(position).copied(),
            Names::Listed(listed) => listed.get(position),
        }
    }

    /// The position of this name.
    ///
    /// ```
    /// use drystone::EnumNames;
    ///
    /// let names = EnumNames::new(["buy", "sell"])?;
    /// assert_eq!((names.position("sell"), names.position("hold")), (Some(1), None));
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn position(&self, name: &str) -> Option<usize> {
        match &self.names {
            Names::Fixed(names) => names.iter().position(|there| *there == name),
            Names::Listed(listed) => {
                let of = |at: &u16| listed.get(usize::from(*at)).unwrap_or_default();
                let found = listed.by_name.binary_search_by(|at| of(at).cmp(name)).ok()?;
                Some(listed.by_name[found].into())
            }
        }
    }

    /// The names, in order.
    ///
    /// ```
    /// use drystone::EnumNames;
    ///
    /// assert!(EnumNames::new(["buy", "sell"])?.iter().eq(["buy", "sell"]));
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &str> + ExactSizeIterator {
        (0..self.count).map(|position| self.get(position).unwrap_or_default())
    }

    /// These names, with more at the end. Stored values keep their meaning. Their width changes
    /// from one byte to two if the number of names goes beyond 256.
    ///
    /// ```
    /// use drystone::EnumNames;
    ///
    /// let names = EnumNames::new(["buy", "sell"])?.append(["hold"])?;
    /// assert_eq!(names.position("hold"), Some(2));
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`new`](EnumNames::new).
    pub fn append<S: AsRef<str>>(&self, more: impl IntoIterator<Item = S>) -> Result<EnumNames> {
        let mut list = NameList::default();
        self.iter().try_for_each(|name| list.push(name))?;
        more.into_iter().try_for_each(|name| list.push(name.as_ref()))?;
        list.finish()
    }

    /// Why a text is no name of this enumeration: which names there are, and which one is near.
    #[cold]
    pub(crate) fn unknown(&self, name: &str) -> String {
        const LISTED: usize = 40;
        let meant = nearest(name, self.iter().take(NAMES.min(1000)));
        let meant = meant.map(|meant| format!("; did you mean {meant:?}?")).unwrap_or_default();
        let names: Vec<&str> = self.iter().take(LISTED).collect();
        let rest = match self.count - names.len() {
            0 => String::new(),
            more => format!(", and {more} more"),
        };
        format!("the names are {}{rest}{meant}", names.join(", "))
    }
}

impl Listed {
    fn get(&self, position: usize) -> Option<&str> {
        let end = *self.ends.get(position)?;
        let start = if position == 0 { 0 } else { self.ends[position - 1] };
        self.text.get(start as usize..end as usize)
    }
}

/// Names that are collected one by one.
#[derive(Default)]
pub(crate) struct NameList {
    text: String,
    ends: Vec<u32>,
}

impl NameList {
    /// Adds a name behind the others.
    pub(crate) fn push(&mut self, name: &str) -> Result<()> {
        if let Some(problem) = problem(name) {
            bail!(Schema, "{:?} cannot be a name of an enumeration: {problem}", shown(name));
        }
        if self.ends.len() == NAMES {
            bail!(Schema, "an enumeration has at most 65,536 names; use str[N], or a table of the names");
        }
        self.text.push_str(name);
        self.ends.push(self.text.len() as u32);
        Ok(())
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The enumeration with these names.
    pub(crate) fn finish(self) -> Result<EnumNames> {
        let count = self.ends.len();
        if count == 0 {
            bail!(Schema, "an enumeration needs at least one name, such as enum[buy, sell]");
        }
        let mut listed = Listed {
            text: self.text.into(),
            ends: self.ends.into(),
            by_name: (0..=u16::MAX).take(count).collect(),
        };
        let mut by_name = std::mem::take(&mut listed.by_name);
        let of = |at: &u16| listed.get(usize::from(*at)).unwrap_or_default();
        by_name.sort_unstable_by_key(of);
        if let Some(twice) = by_name.windows(2).find(|pair| of(&pair[0]) == of(&pair[1])) {
            bail!(Schema, "{:?} is in the enumeration twice; its names must all be different", of(&twice[0]));
        }
        listed.by_name = by_name;
        Ok(EnumNames { count, names: Names::Listed(Arc::new(listed)) })
    }
}

/// Why this cannot be a name of an enumeration, if it cannot.
fn problem(name: &str) -> Option<String> {
    if name.is_empty() {
        Some("it is empty".into())
    } else if name.len() > NAME_BYTES {
        Some(format!("it has {} bytes, and a name has at most {NAME_BYTES}", name.len()))
    } else if name.chars().any(char::is_control) {
        Some("it has a control character in it".into())
    } else {
        None
    }
}

impl PartialEq for EnumNames {
    /// Enumerations are equal when they have the same names in the same order.
    fn eq(&self, other: &EnumNames) -> bool {
        match (&self.names, &other.names) {
            (Names::Listed(ours), Names::Listed(theirs)) => {
                Arc::ptr_eq(ours, theirs) || (ours.ends == theirs.ends && ours.text == theirs.text)
            }
            _ => self.count == other.count && self.iter().eq(other.iter()),
        }
    }
}

impl Eq for EnumNames {}

impl Hash for EnumNames {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.count.hash(state);
        self.iter().for_each(|name| name.hash(state));
    }
}

impl fmt::Debug for EnumNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_by_position_and_positions_by_name() {
        let many: Vec<String> = (0..NAMES).map(|at| format!("n{at}")).collect();
        let names = EnumNames::new(&many).unwrap();
        for at in [0, 1, 255, 256, 65_535] {
            assert_eq!(names.get(at), Some(many[at].as_str()));
            assert_eq!(names.position(&many[at]), Some(at));
        }
        assert_eq!((names.get(65_536), names.position("n"), names.width()), (None, None, 2));
        assert!(names.append(["more"]).is_err());
        assert_eq!(EnumNames::new(&many[..256]).unwrap().width(), 1);
        assert_eq!(EnumNames::new(&many[..257]).unwrap().width(), 2);
    }

    #[test]
    fn fixed_names_equal_listed_ones() {
        let fixed = EnumNames::fixed(&["b", "a"]);
        assert_eq!(fixed, EnumNames::new(["b", "a"]).unwrap());
        assert_eq!(fixed, fixed.listed().unwrap());
        assert_ne!(fixed, EnumNames::new(["a", "b"]).unwrap());
        assert_eq!(fixed.append(["c"]).unwrap(), EnumNames::new(["b", "a", "c"]).unwrap());
    }
}
