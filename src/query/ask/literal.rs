//! Names and values in the text form of a query.

use std::fmt::Write as _;

use crate::record::Value;
use crate::text_cursor::is_identifier;

/// The words that are quoted where they are the name of a field. Not all of them have to be.
const RESERVED: [&str; 11] =
    ["and", "or", "not", "in", "is", "null", "between", "starts", "true", "false", "as"];

/// Words that are numbers where a value may stand.
const NUMBERS: [&str; 2] = ["NaN", "inf"];

/// A name as it can be read back: plain, or in back quotes.
pub(in crate::query) fn quoted_name(name: &str) -> String {
    if is_identifier(name) && !is_reserved(name) {
        name.to_owned()
    } else {
        format!("`{}`", name.replace('`', "``"))
    }
}

fn is_reserved(word: &str) -> bool {
    NUMBERS.contains(&word) || RESERVED.iter().any(|reserved| word.eq_ignore_ascii_case(reserved))
}

/// A value as it can be read back.
pub(in crate::query) fn literal(value: &Value<'_>) -> String {
    match value {
        Value::Text(text) => quoted(text),
        Value::Date(_) | Value::Timestamp(_) | Value::Uuid(_) => quoted(&value.to_string()),
        // A point says that it is a float.
        Value::F32(_) | Value::F64(_) => {
            let mut text = value.to_string();
            if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') {
                text.push_str(".0");
            }
            text
        }
        Value::Array(elements) => {
            let mut text = String::from("[");
            for (at, element) in elements.iter().enumerate() {
                let _ = write!(text, "{}{}", if at == 0 { "" } else { ", " }, literal(element));
            }
            text + "]"
        }
        other => other.to_string(),
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
