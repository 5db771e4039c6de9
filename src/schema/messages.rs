//! Texts and names in error messages.

use std::borrow::Cow;

use crate::limits::NAME_BYTES;

/// The beginning of a text, for a message.
pub(crate) fn shown(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}

/// The name among these that was most likely meant, if one is similar enough.
pub(super) fn nearest<'n>(wanted: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let lowercase = |name: &str| name.chars().flat_map(char::to_lowercase).collect::<String>();
    // Longer than any name, a wanted one cannot be similar: do not compare all of it.
    let wanted: String = wanted.chars().take(NAME_BYTES + 1).collect();
    let wanted = lowercase(&wanted);
    let scored = names.map(|name| (strsim::levenshtein(&wanted, &lowercase(name)), name));
    let (changes, name) = scored.min_by_key(|(changes, _)| *changes)?;
    (changes <= 1 + wanted.chars().count() / 4).then_some(name)
}
