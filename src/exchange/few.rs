//! Decides whether the texts of a column are few enough for an enumeration. Inference of all
//! formats uses it.

use std::collections::HashSet;

use crate::schema::EnumNames;

/// The most names of an inferred enumeration: its values fit one byte.
const NAMES: usize = 256;
/// Each name must occur this often on average; otherwise the texts are not a set of names.
const ROWS_PER_NAME: u64 = 4;

/// The different texts of a column, while they are few.
#[derive(Clone, Default)]
pub(super) struct Few {
    /// `None` if not requested, or if there are too many.
    texts: Option<HashSet<Box<str>>>,
    rows: u64,
}

impl Few {
    /// Collects texts if `wanted`.
    pub(super) fn new(wanted: bool) -> Few {
        Few { texts: wanted.then(HashSet::new), rows: 0 }
    }

    pub(super) fn add(&mut self, text: &str) {
        let Some(texts) = &mut self.texts else { return };
        self.rows += 1;
        if !texts.contains(text) {
            texts.insert(text.into());
        }
        if texts.len() > NAMES {
            self.texts = None;
        }
    }

    /// Adds the texts of later rows.
    #[cfg(any(feature = "csv", feature = "json"))]
    pub(super) fn merge(&mut self, later: Few) {
        self.rows += later.rows;
        let both = self.texts.take().zip(later.texts);
        self.texts = both.map(|(mut texts, later)| {
            texts.extend(later);
            texts
        });
        self.texts.take_if(|texts| texts.len() > NAMES);
    }

    /// The enumeration of these texts, if they are at most 256 (255 if values are missing), occur
    /// four times each on average, and are all valid names. It is sorted by name, so that values
    /// compare like the texts.
    pub(super) fn names(&self, nullable: bool) -> Option<EnumNames> {
        let texts = self.texts.as_ref()?;
        let names = texts.len() as u64;
        if names == 0 || texts.len() + usize::from(nullable) > NAMES || names * ROWS_PER_NAME > self.rows {
            return None;
        }
        let mut names: Vec<&str> = texts.iter().map(|text| &**text).collect();
        names.sort_unstable();
        EnumNames::new(names).ok()
    }
}
