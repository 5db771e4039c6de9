//! The rule for names in a schema: those of fields, and those of enumerations.

use proc_macro2::Span;
use syn::{Error, Result};

const NAME_BYTES: usize = 64;

/// Refuses a name that no schema takes, at this place in the source. `if_empty` is the message for
/// an empty name.
pub(crate) fn check(name: &str, span: Span, if_empty: &str) -> Result<()> {
    let problem = if name.is_empty() {
        if_empty.to_owned()
    } else if name.len() > NAME_BYTES {
        format!("a name has at most {NAME_BYTES} bytes, and this one has {}", name.len())
    } else if name.chars().any(char::is_control) {
        "a name cannot contain control characters".to_owned()
    } else {
        return Ok(());
    };
    Err(Error::new(span, problem))
}
