//! Names for the columns of an input: those that it gives, those that the caller gives instead, and
//! made names where a column has no name, or one that a field cannot have.

use std::collections::HashSet;

use crate::error::{Result, bail};
use crate::limits::NAME_BYTES;
use crate::schema::shown;

/// The names of the columns of an input, valid and all different.
#[derive(Debug, Default)]
pub(super) struct ColumnNames {
    pub(super) names: Vec<Box<str>>,
    /// Whether a name was made, as the input has none that a field can have.
    pub(super) is_made: Vec<bool>,
    /// What was changed, for people.
    pub(super) notes: Vec<String>,
}

#[cfg(any(feature = "arrow", feature = "csv"))]
impl ColumnNames {
    pub(super) fn as_strs(&self) -> Vec<&str> {
        self.names.iter().map(|name| &**name).collect()
    }
}

/// A name for a column without one. Columns are counted from 0.
pub(super) fn unnamed(at: usize) -> String {
    format!("c{at}")
}

/// Names the columns of an input. `renames` are pairs of the name in the input and the name of the
/// field. `input` is the name of the input in messages.
pub(super) fn name_columns(
    input: &str,
    given: &[impl AsRef<str>],
    renames: &[(Box<str>, Box<str>)],
) -> Result<ColumnNames> {
    let given: Vec<&str> = given.iter().map(AsRef::as_ref).collect();
    let mut names: Vec<Option<Box<str>>> = vec![None; given.len()];
    let mut late = Vec::new();
    for (old, new) in renames {
        let found = given.iter().zip(&mut names).find(|(given, name)| **given == &**old && name.is_none());
        match found {
            Some((_, name)) => *name = Some(new.clone()),
            None => late.push((old, new)),
        }
    }
    let mut taken: HashSet<Box<str>> =
        names.iter().flatten().cloned().chain(given.iter().map(|name| (*name).into())).collect();
    let mut seen: HashSet<&str> = HashSet::new();
    let mut found = ColumnNames::default();
    for (at, (given, name)) in given.iter().zip(names).enumerate() {
        let (name, is_made) = match name {
            Some(name) => (name, false),
            None => {
                let is_first = seen.insert(given);
                match problem(given) {
                    None if is_first => ((*given).into(), false),
                    problem => {
                        let name = make(given, at, &mut taken);
                        let problem = problem.unwrap_or("is named like another one");
                        found.notes.push(format!("column {} {problem}; it is called {name:?}", at + 1));
                        (name, true)
                    }
                }
            }
        };
        found.names.push(name);
        found.is_made.push(is_made);
    }
    for (old, new) in late {
        let Some(at) = found.names.iter().position(|name| name == old) else {
            let known: Vec<String> = found.names.iter().take(40).map(|name| format!("{name:?}")).collect();
            bail!(
                Usage,
                "{input}: no column {:?} to rename; it has {}{}",
                shown(old),
                known.join(", "),
                if found.names.len() > known.len() { ", …" } else { "" }
            );
        };
        found.names[at] = new.clone();
        if std::mem::take(&mut found.is_made[at]) {
            let called = format!("it is called {old:?}");
            found.notes.retain(|note| !note.ends_with(&called));
        }
    }
    Ok(found)
}

/// Why a name cannot be that of a field.
fn problem(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        Some("has no name")
    } else if name.len() > NAME_BYTES {
        Some("has a name of more than 64 bytes")
    } else if name.chars().any(char::is_control) {
        Some("has a name with control characters")
    } else {
        None
    }
}

/// A valid name that no other column has: the beginning of the given one, if there is one.
fn make(given: &str, at: usize, taken: &mut HashSet<Box<str>>) -> Box<str> {
    let valid = fitting(given);
    let base = if valid.is_empty() { unnamed(at) } else { valid };
    if problem(given).is_some() && taken.insert((*base).into()) {
        return base.into();
    }
    let mut number = 2;
    loop {
        let suffix = format!("_{number}");
        let name = format!("{}{suffix}", cut(&base, NAME_BYTES - suffix.len()));
        if taken.insert((*name).into()) {
            return name.into();
        }
        number += 1;
    }
}

/// The nearest name that a field can have; empty if there is none.
pub(super) fn fitting(given: &str) -> String {
    let plain: String = given.chars().map(|c| if c.is_control() { '_' } else { c }).collect();
    cut(&plain, NAME_BYTES).trim().to_owned()
}

/// The beginning of a text, at most this many bytes of it.
fn cut(text: &str, bytes: usize) -> &str {
    let mut end = text.len().min(bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(given: &[&str], renames: &[(&str, &str)]) -> (Vec<String>, Vec<String>) {
        let renames: Vec<(Box<str>, Box<str>)> =
            renames.iter().map(|(old, new)| ((*old).into(), (*new).into())).collect();
        let found = name_columns("a.csv", given, &renames).unwrap();
        (found.names.iter().map(|name| name.to_string()).collect(), found.notes)
    }

    #[test]
    fn columns_without_a_valid_name_get_one_that_no_other_has() {
        assert_eq!(named(&["a", " b "], &[]), (vec!["a".into(), " b ".into()], vec![]));
        let (names, notes) = named(&["", "c0", "a", "a", "a_2", "x\ty"], &[]);
        assert_eq!(names, ["c0_2", "c0", "a", "a_3", "a_2", "x_y"]);
        assert_eq!(notes[0], "column 1 has no name; it is called \"c0_2\"");
        assert_eq!(notes[1], "column 4 is named like another one; it is called \"a_3\"");
        assert_eq!(notes.len(), 3);
        let long = "\u{e9}".repeat(40);
        let (names, notes) = named(&[&long, &long], &[]);
        assert_eq!(names, ["\u{e9}".repeat(32), format!("{}_2", "\u{e9}".repeat(31))]);
        assert_eq!(notes.len(), 2);
    }

    #[test]
    fn renames_apply_to_given_and_to_made_names() {
        assert_eq!(named(&["", "a"], &[("c0", "row"), ("a", "b")]), (vec!["row".into(), "b".into()], vec![]));
        assert_eq!(named(&["", "a"], &[("", "row")]), (vec!["row".into(), "a".into()], vec![]));
        assert_eq!(named(&["a", "b"], &[("a", "b"), ("b", "a")]).0, ["b", "a"]);
        assert_eq!(named(&["a", "a"], &[("a", "x"), ("a", "y")]).0, ["x", "y"]);
        let error = name_columns("a.csv", &["a"], &[("b".into(), "c".into())]).unwrap_err();
        assert_eq!(error.to_string(), "a.csv: no column \"b\" to rename; it has \"a\"");
    }
}
