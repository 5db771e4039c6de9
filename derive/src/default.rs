//! The default of a field: a literal, as the text that the schema parses. Checked here as far as
//! the name of the type tells; `emit` leaves the rest to the compiler.

use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::{Error, Expr, Lit, Result, Type, UnOp};

use crate::types::{is_nullable, parameters, type_name};

pub(crate) struct Default {
    /// The text of the value; `None` is null.
    pub(crate) text: Option<String>,
    pub(crate) span: Span,
}

pub(crate) fn read(literal: &Expr, ty: &Type) -> Result<Default> {
    let span = literal.span();
    if is_null(literal) {
        // Only the compiler can tell whether the field is nullable: it knows the aliases of types.
        return Ok(Default { text: None, span });
    }
    let text = text(literal)?;
    match problem(&text, ty) {
        Some(problem) => Err(Error::new_spanned(literal, problem)),
        None => Ok(Default { text: Some(text), span }),
    }
}

fn is_null(literal: &Expr) -> bool {
    matches!(literal, Expr::Path(path) if path.path.is_ident("null"))
}

fn text(literal: &Expr) -> Result<String> {
    match literal {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Str(text) => return Ok(text.value()),
            Lit::Int(number) => return Ok(number.base10_digits().to_owned()),
            Lit::Float(number) => return Ok(number.base10_digits().to_owned()),
            Lit::Bool(value) => return Ok(value.value.to_string()),
            _ => {}
        },
        Expr::Unary(unary) if matches!(unary.op, UnOp::Neg(_)) => {
            return Ok(format!("-{}", text(&unary.expr)?));
        }
        Expr::Array(array) => {
            let elements: Vec<String> = array.elems.iter().map(text).collect::<Result<_>>()?;
            return Ok(format!("[{}]", elements.join(", ")));
        }
        Expr::Group(group) => return text(&group.expr),
        _ => {}
    }
    let problem =
        "a default is a number, true, false, null, an array of numbers, or the text of the value in quotes";
    Err(Error::new_spanned(literal, problem))
}

/// Why this text is not a value of this type, if the name of the type tells.
fn problem(text: &str, ty: &Type) -> Option<String> {
    if let Some(inner) = parameters(ty).next().filter(|_| is_nullable(ty)) {
        return problem(text, inner).or_else(|| reserved(text, inner));
    }
    let name = type_name(ty)?.to_string();
    let fits = match name.as_str() {
        "u8" => text.parse::<u8>().is_ok(),
        "u16" => text.parse::<u16>().is_ok(),
        "u32" => text.parse::<u32>().is_ok(),
        "u64" => text.parse::<u64>().is_ok(),
        "u128" => text.parse::<u128>().is_ok(),
        "i8" => text.parse::<i8>().is_ok(),
        "i16" => text.parse::<i16>().is_ok(),
        "i32" => text.parse::<i32>().is_ok(),
        "i64" => text.parse::<i64>().is_ok(),
        "i128" => text.parse::<i128>().is_ok(),
        "f32" => text.parse::<f32>().is_ok_and(|number| number.is_finite() || !has_digit(text)),
        "f64" => text.parse::<f64>().is_ok_and(|number| number.is_finite() || !has_digit(text)),
        "Bool" => matches!(text, "true" | "false"),
        "Text" => !text.contains('\0'),
        _ => true,
    };
    (!fits).then(|| format!("{text:?} is not a valid value of {name}"))
}

fn has_digit(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_digit())
}

/// Why this number cannot be a default: it is the one reserved for null.
fn reserved(text: &str, ty: &Type) -> Option<String> {
    let reserved = match type_name(ty)?.to_string().as_str() {
        "u8" => u8::MAX.to_string(),
        "u16" => u16::MAX.to_string(),
        "u32" => u32::MAX.to_string(),
        "u64" => u64::MAX.to_string(),
        "u128" => u128::MAX.to_string(),
        "i8" => i8::MIN.to_string(),
        "i16" => i16::MIN.to_string(),
        "i32" => i32::MIN.to_string(),
        "i64" => i64::MIN.to_string(),
        "i128" => i128::MIN.to_string(),
        _ => return None,
    };
    (text == reserved).then(|| format!("{text} is reserved for null: write default = null"))
}
