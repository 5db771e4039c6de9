//! Whether the texts of a column are so few that an enumeration holds them.

use std::collections::HashSet;

use crate::schema::EnumNames;

/// The most names of an enumeration that is found by looking: one byte holds its values.
const NAMES: usize = 256;
/// Each name comes this often on average, at least; else the texts are not a set of names.
const ROWS_PER_NAME: u64 = 4;

/// The texts of a column, as long as they are few.
#[derive(Default)]
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

    /// The enumeration of these texts, if they are at most 256 (255 beside null), come four times
    /// each on average, and can all be names. It is sorted by name, so that values compare as their
    /// texts would.
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
