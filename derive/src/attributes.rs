//! What both derives read from attributes: the representation of a type, and the path of drystone.

use syn::{Attribute, Path, Result, parse_quote};

/// The path of drystone, if no attribute names another.
pub(crate) fn drystone() -> Path {
    parse_quote!(::drystone)
}

/// Whether the type has this representation.
pub(crate) fn has_repr(attributes: &[Attribute], wanted: &str) -> Result<bool> {
    let mut found = false;
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("repr")) {
        attribute.parse_nested_meta(|meta| {
            found |= meta.path.is_ident(wanted);
            // Skip the number of `packed(2)` or `align(8)`: padding is found by comparing sizes.
            if meta.input.peek(syn::token::Paren) {
                let arguments;
                syn::parenthesized!(arguments in meta.input);
                arguments.parse::<proc_macro2::TokenStream>()?;
            }
            Ok(())
        })?;
    }
    Ok(found)
}
