//! The types of fields, as far as their text tells: a macro sees names, and only the compiler knows
//! what they stand for. Reads types for every other file; knows no attribute.

use syn::{Error, GenericArgument, Ident, PathArguments, Result, Type};

/// The name of a type without its path and parameters.
pub(crate) fn type_name(ty: &Type) -> Option<&Ident> {
    match ty {
        Type::Path(path) => path.path.segments.last().map(|segment| &segment.ident),
        Type::Group(group) => type_name(&group.elem),
        Type::Paren(paren) => type_name(&paren.elem),
        _ => None,
    }
}

pub(crate) fn is_nullable(ty: &Type) -> bool {
    type_name(ty).is_some_and(|name| name == "Nullable")
}

/// The type parameters of a type.
pub(crate) fn parameters(ty: &Type) -> impl Iterator<Item = &Type> {
    let arguments = match ty {
        Type::Path(path) => path.path.segments.last().map(|segment| &segment.arguments),
        _ => None,
    };
    let arguments = match arguments {
        Some(PathArguments::AngleBracketed(arguments)) => Some(&arguments.args),
        _ => None,
    };
    arguments.into_iter().flatten().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}

/// Refuses the types that people try and that no record can hold. The compiler judges all others.
pub(crate) fn check_type(ty: &Type) -> Result<()> {
    let problem = match ty {
        Type::Reference(_) | Type::Ptr(_) => {
            "a reference cannot be stored: use drystone::Text<N> for text, [u8; N] for bytes, or the value itself"
        }
        Type::Tuple(_) => "a tuple has no fixed layout: write its parts as fields",
        Type::Array(array) => match (type_name(&array.elem), &*array.elem) {
            (Some(name), _) if is_number(name) => return Ok(()),
            (None, Type::Array(_)) => "there are no arrays of arrays: write one array with all elements",
            (Some(name), _) if name == "usize" || name == "isize" => return check_type(&array.elem),
            _ => "there are arrays of numbers only: write the elements as fields",
        },
        _ => match type_name(ty).map(Ident::to_string).as_deref() {
            Some("bool") => "not all bytes are a bool: use drystone::Bool",
            Some("char") => "not all bytes are a char: use u32, or drystone::Text<4>",
            Some("usize") => "usize is not equally wide on all machines: use u64",
            Some("isize") => "isize is not equally wide on all machines: use i64",
            Some("String" | "str" | "Cow") => "a record has a fixed width: use drystone::Text<N>",
            Some("Option") => "Option has no fixed layout: use drystone::Nullable<T>",
            Some("Vec" | "Box" | "Rc" | "Arc") => {
                "a record has a fixed width: use an array [T; N], or a table of its own for what varies"
            }
            Some("SystemTime" | "Instant") => "a system's time has no fixed layout: use drystone::Timestamp",
            Some("Nullable") => match parameters(ty).next() {
                Some(inner) if is_nullable(inner) => "nothing can be null in two ways: use one Nullable",
                Some(inner) => return check_type(inner),
                None => return Ok(()),
            },
            _ => return Ok(()),
        },
    };
    Err(Error::new_spanned(ty, problem))
}

fn is_number(name: &Ident) -> bool {
    const NUMBERS: [&str; 12] =
        ["u8", "u16", "u32", "u64", "u128", "i8", "i16", "i32", "i64", "i128", "f32", "f64"];
    NUMBERS.iter().any(|number| name == number)
}
