//! Lists as arguments: names and texts with commas between them. All options that take a list read
//! it here, by the rules of the text of queries.

use std::str::FromStr;

use drystone::{FieldDef, Result, Schema, Type};

/// Names, such as ``id, `my field` ``. Blanks around a name do not count. A name with a comma, or
/// with blanks around it, stands in back quotes.
#[derive(Clone)]
pub(crate) struct Names(Vec<String>);

/// Texts, such as `NA,NULL`. A text with a comma, or with blanks around it, stands in quotes of any
/// kind.
#[derive(Clone)]
pub(crate) struct Texts(Vec<String>);

/// Fields to print, such as ``id, `my field` as mine, at(12, i16)``.
#[derive(Clone)]
pub(crate) struct Selection(Vec<String>);

/// Other names, such as ``id=key, `a,b`=both``: the old one, then the new one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Renames(pub(crate) Vec<(String, String)>);

/// Something selected: a field, or a value at a byte offset.
pub(crate) enum Selected {
    Field { at: usize, name: Option<String> },
    Raw { offset: usize, field: FieldDef },
}

const NAME_QUOTES: &[char] = &['`'];
const TEXT_QUOTES: &[char] = &['`', '"', '\''];

impl FromStr for Names {
    type Err = String;

    fn from_str(text: &str) -> Result<Names, String> {
        let names = split(text, NAME_QUOTES)?.into_iter().map(|item| unquoted(item, NAME_QUOTES));
        let names: Vec<String> = names.collect::<Result<_, _>>()?;
        if names.iter().any(String::is_empty) {
            return Err("a name is missing between two commas, or at an end".into());
        }
        Ok(Names(names))
    }
}

impl FromStr for Texts {
    type Err = String;

    fn from_str(text: &str) -> Result<Texts, String> {
        let texts = split(text, TEXT_QUOTES)?.into_iter().map(|item| unquoted(item, TEXT_QUOTES));
        texts.collect::<Result<_, _>>().map(Texts)
    }
}

impl FromStr for Renames {
    type Err = String;

    fn from_str(text: &str) -> Result<Renames, String> {
        split(text, NAME_QUOTES)?.into_iter().map(rename).collect::<Result<_, _>>().map(Renames)
    }
}

/// The names in `OLD=NEW`.
fn rename(item: &str) -> Result<(String, String), String> {
    // An equals sign within quotes is part of a name.
    let is_outside = |(at, _): &(usize, &str)| item[..*at].matches('`').count().is_multiple_of(2);
    let at = item.match_indices('=').find(is_outside).map(|(at, _)| at);
    let (old, new) = at.map(|at| item.split_at(at)).ok_or(NO_RENAME)?;
    let (old, new) = (unquoted(old, NAME_QUOTES)?, unquoted(&new[1..], NAME_QUOTES)?);
    if new.is_empty() { Err(NO_RENAME.into()) } else { Ok((old, new)) }
}

const NO_RENAME: &str = "OLD=NEW is expected, or a list such as a=x,b=y";

impl FromStr for Selection {
    type Err = String;

    fn from_str(text: &str) -> Result<Selection, String> {
        let items: Vec<String> =
            split(text, NAME_QUOTES)?.into_iter().map(|item| item.trim().to_owned()).collect();
        if items.iter().any(String::is_empty) {
            return Err("a name is missing between two commas, or at an end".into());
        }
        Ok(Selection(items))
    }
}

/// All names of an option that may be given more than once.
pub(crate) fn all_names(lists: &[Names]) -> Vec<String> {
    lists.iter().flat_map(|list| list.0.clone()).collect()
}

/// All texts of an option that may be given more than once.
pub(crate) fn all_texts(lists: &[Texts]) -> Vec<String> {
    lists.iter().flat_map(|list| list.0.clone()).collect()
}

impl Selection {
    /// Finds what is selected in a schema.
    pub(crate) fn resolve(&self, schema: &Schema) -> Result<Vec<Selected>> {
        self.0.iter().map(|item| select(item, schema)).collect()
    }
}

fn select(item: &str, schema: &Schema) -> Result<Selected> {
    // Names are free, so the item as a whole may be one.
    if let Some(at) = schema.position(item) {
        return Ok(Selected::Field { at, name: None });
    }
    let (source, name) = renamed(item);
    if let Some((offset, field)) = raw_value(source, name) {
        return Ok(Selected::Raw { offset, field: field? });
    }
    let source = unquoted(source, NAME_QUOTES).unwrap_or_else(|_| source.to_owned());
    schema.field(&source)?;
    let at = schema.position(&source).unwrap_or_default();
    Ok(Selected::Field { at, name: name.map(|name| unquoted(name, NAME_QUOTES).unwrap_or_default()) })
}

/// The parts of `delay as late`.
fn renamed(item: &str) -> (&str, Option<&str>) {
    let is_as = |(at, _): &(usize, &str)| {
        let (before, after) = (&item[..*at], &item[*at + 4..]);
        // Not within the quotes of a name.
        before.matches('`').count() % 2 == 0 && !after.trim().is_empty()
    };
    let lower = item.to_ascii_lowercase();
    match lower.match_indices(" as ").filter(is_as).last() {
        Some((at, _)) => (item[..at].trim(), Some(item[at + 4..].trim())),
        None => (item, None),
    }
}

/// The value of `at(12, i16?)`, if it is written so.
fn raw_value(text: &str, name: Option<&str>) -> Option<(usize, Result<FieldDef>)> {
    let inner = text.strip_prefix("at(")?.strip_suffix(')')?;
    let (offset, ty) = inner.split_once(',')?;
    let offset = offset.trim().parse().ok()?;
    let ty = ty.trim();
    let (ty, nullable) = ty.strip_suffix('?').map_or((ty, false), |ty| (ty, true));
    let ty: Type = ty.parse().ok()?;
    let field = FieldDef::new(name.unwrap_or(text), ty);
    Some((offset, if nullable { field.and_then(FieldDef::nullable) } else { field }))
}

/// The parts of a list. Commas within quotes and brackets do not count.
fn split<'t>(text: &'t str, quotes: &[char]) -> Result<Vec<&'t str>, String> {
    match split_with(text, quotes, true) {
        // A bracket without its counterpart is part of a name.
        Ok(None) => split_with(text, quotes, false).map(Option::unwrap_or_default),
        Ok(Some(parts)) => Ok(parts),
        Err(error) => Err(error),
    }
}

/// `None` if brackets count and one is not closed.
fn split_with<'t>(text: &'t str, quotes: &[char], brackets: bool) -> Result<Option<Vec<&'t str>>, String> {
    let (mut parts, mut start, mut depth) = (Vec::new(), 0, 0_usize);
    let mut open: Option<char> = None;
    // Quotes open at the beginning of a word only: names may contain them.
    let mut begins_word = true;
    for (at, letter) in text.char_indices() {
        if let Some(quote) = open {
            if letter == quote {
                open = None;
                begins_word = text[at + 1..].starts_with(quote);
            }
            continue;
        }
        match letter {
            quote if begins_word && quotes.contains(&quote) => open = Some(quote),
            '(' if brackets => depth += 1,
            ')' if brackets => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
        begins_word = matches!(letter, ',' | '=') || letter.is_whitespace();
    }
    if let Some(quote) = open {
        return Err(format!("the closing {quote} is missing"));
    }
    parts.push(&text[start..]);
    Ok((depth == 0).then_some(parts))
}

/// The text of a part, without its quotes and the blanks around it. Two quotes within quotes are
/// one.
fn unquoted(part: &str, quotes: &[char]) -> Result<String, String> {
    let part = part.trim();
    let Some(quote) = part.chars().next().filter(|first| quotes.contains(first)) else {
        return Ok(part.to_owned());
    };
    let inner = part[1..].strip_suffix(quote).map(|inner| inner.replace(&format!("{quote}{quote}"), "\0"));
    match inner {
        Some(inner) if !inner.contains(quote) => Ok(inner.replace('\0', &quote.to_string())),
        _ => Err(format!(
            "{part}: text follows the closing {quote}; a {quote} within {quote} is written twice"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_split_at_commas_outside_of_quotes() {
        for (text, expected) in [
            ("id", &["id"][..]),
            ("id,name", &["id", "name"]),
            (" id , name ", &["id", "name"]),
            ("`a,b`,c", &["a,b", "c"]),
            ("` a `, `it``s`", &[" a ", "it`s"]),
            ("don't,per-cent,1st", &["don't", "per-cent", "1st"]),
            ("price (EUR, net),x", &["price (EUR, net)", "x"]),
            ("a(b,c", &["a(b", "c"]),
        ] {
            assert_eq!(text.parse::<Names>().unwrap().0, expected, "{text}");
        }
        for wrong in ["", "a,", ",a", "a,,b", "`a", "`a` b"] {
            assert!(wrong.parse::<Names>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn renames_are_pairs_of_names() {
        let pairs = |text: &str| text.parse::<Renames>().map(|renames| renames.0);
        let pair = |old: &str, new: &str| (old.to_owned(), new.to_owned());
        assert_eq!(pairs("a=x"), Ok(vec![pair("a", "x")]));
        assert_eq!(pairs("a=x, b c =y"), Ok(vec![pair("a", "x"), pair("b c", "y")]));
        assert_eq!(pairs("`a,=``b`=`x,y`,c=z"), Ok(vec![pair("a,=`b", "x,y"), pair("c", "z")]));
        assert_eq!(pairs("=x"), Ok(vec![pair("", "x")]));
        for wrong in ["", "a", "a=", "a=x,", "`a=x", "`a`b=x"] {
            assert!(pairs(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn texts_may_be_empty_and_have_any_quotes() {
        for (text, expected) in [
            ("NA,NULL", &["NA", "NULL"][..]),
            ("NA, \\N ,-", &["NA", "\\N", "-"]),
            ("\"a,b\",' ',`x`", &["a,b", " ", "x"]),
            ("", &[""]),
            ("#N/A", &["#N/A"]),
        ] {
            assert_eq!(text.parse::<Texts>().unwrap().0, expected, "{text}");
        }
    }

    #[test]
    fn selections_name_fields_and_offsets() {
        let schema: Schema = "id: u8, \"x as y\": u8, \"a,b\": u8, z: u8".parse().unwrap();
        let selected = |text: &str| -> Vec<String> {
            let selection: Selection = text.parse().unwrap();
            let shown = |selected| match selected {
                Selected::Field { at, name } => format!("{at} {name:?}"),
                Selected::Raw { offset, field } => format!("@{offset} {} {}", field.name(), field.ty()),
            };
            selection.resolve(&schema).unwrap().into_iter().map(shown).collect()
        };
        assert_eq!(selected("z, id"), ["3 None", "0 None"]);
        assert_eq!(selected("x as y"), ["1 None"]);
        assert_eq!(selected("`a,b` AS `c d`, `x as y` as q"), ["2 Some(\"c d\")", "1 Some(\"q\")"]);
        assert_eq!(selected("at(1, u8), at(2,i16) as n"), ["@1 at(1, u8) u8", "@2 n i16"]);
    }
}
