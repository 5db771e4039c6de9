//! The case of the names of variants in a schema: by default `BuyNow` becomes `buy_now`. Only
//! `enumeration` uses it.

use syn::{Error, LitStr, Result};

/// A case for names of several words.
#[derive(Clone, Copy, Default)]
pub(crate) enum Case {
    #[default]
    Snake,
    Kebab,
    Lower,
    Upper,
    UpperSnake,
    Pascal,
}

impl Case {
    pub(crate) fn read(text: &LitStr) -> Result<Case> {
        Ok(match text.value().as_str() {
            "snake_case" => Case::Snake,
            "kebab-case" => Case::Kebab,
            "lowercase" => Case::Lower,
            "UPPERCASE" => Case::Upper,
            "SCREAMING_SNAKE_CASE" => Case::UpperSnake,
            "PascalCase" => Case::Pascal,
            _ => {
                let problem = "the cases are snake_case, kebab-case, lowercase, UPPERCASE, SCREAMING_SNAKE_CASE and PascalCase";
                return Err(Error::new(text.span(), problem));
            }
        })
    }

    /// Converts the name of a variant, which is in Pascal case.
    pub(crate) fn apply(self, name: &str) -> String {
        match self {
            Case::Snake => parted(name, '_').to_lowercase(),
            Case::Kebab => parted(name, '-').to_lowercase(),
            Case::Lower => name.to_lowercase(),
            Case::Upper => name.to_uppercase(),
            Case::UpperSnake => parted(name, '_').to_uppercase(),
            Case::Pascal => name.to_owned(),
        }
    }
}

/// Puts `between` between the words of a name. A capital begins a word after a small letter or a
/// digit, and as the last of several capitals: `HTTPError` is `HTTP_Error`, `UA` is one word.
fn parted(name: &str, between: char) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut parted = String::new();
    for (at, letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).map(|before| letters[before]);
        let is_next_small = letters.get(at + 1).is_some_and(|next| next.is_lowercase());
        let begins = letter.is_uppercase()
            && before.is_some_and(|before| {
                before.is_lowercase() || before.is_numeric() || before.is_uppercase() && is_next_small
            });
        if begins {
            parted.push(between);
        }
        parted.push(*letter);
    }
    parted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_in_names() {
        let snake = |name| Case::Snake.apply(name);
        assert_eq!(
            ["Buy", "BuyNow", "UA", "HTTPError", "B6", "Mode2Fast", "already_snake"].map(snake),
            ["buy", "buy_now", "ua", "http_error", "b6", "mode2_fast", "already_snake"]
        );
        assert_eq!(Case::Kebab.apply("BuyNow"), "buy-now");
        assert_eq!(Case::UpperSnake.apply("BuyNow"), "BUY_NOW");
    }
}
