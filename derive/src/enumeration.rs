//! `#[derive(FieldType)]` of an enum: the names of its variants, and the position of each, which is
//! the number in a file. It writes no unsafe code.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::{Attribute, DataEnum, DeriveInput, Error, Expr, ExprLit, Fields, Lit, LitStr, Result, Variant};

use crate::attributes::{drystone, has_repr};
use crate::case::Case;
use crate::names;
use crate::problems::Problems;

/// How many variants a position of one byte, or of two, can tell apart.
const IN_ONE_BYTE: usize = 1 << 8;
const IN_TWO_BYTES: usize = 1 << 16;

pub(crate) fn derive(input: &DeriveInput, data: &DataEnum) -> Result<TokenStream> {
    let mut problems = Problems::default();
    let options = problems.take(Options::read(&input.attrs));
    let repr = problems.take(repr(input, data.variants.len()));
    let case = options.as_ref().and_then(|options| options.case);
    let names = names(data, case, &mut problems);
    if let Some(parameter) = input.generics.params.first() {
        problems.push(Error::new_spanned(parameter, "an enumeration has no generic parameters"));
    }
    problems.into_result(())?;
    let (Some(options), Some(repr)) = (options, repr) else { return Ok(TokenStream::new()) };
    Ok(emit(input, data, &options.krate, &repr, &names))
}

/// The names of the variants in the schema, in order.
fn names(data: &DataEnum, case: Option<Case>, problems: &mut Problems) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (position, variant) in data.variants.iter().enumerate() {
        problems.take(check_variant(variant, position));
        if let Some(name) = problems.take(name(variant, case)) {
            if names.contains(&name) && data.variants.len() <= IN_ONE_BYTE {
                let problem = format!("another variant has the name {name:?}: rename one");
                problems.push(Error::new_spanned(&variant.ident, problem));
            }
            names.push(name);
        }
    }
    names
}

fn emit(
    input: &DeriveInput,
    data: &DataEnum,
    krate: &syn::Path,
    repr: &TokenStream,
    names: &[String],
) -> TokenStream {
    let ident = &input.ident;
    let variants: Vec<_> = data.variants.iter().map(|variant| &variant.ident).collect();
    let positions: Vec<u16> = (0..=u16::MAX).take(variants.len()).collect();
    quote! {
        const _: () = {
            impl #krate::Enumeration for #ident {
                type Repr = ::core::primitive::#repr;

                const NAMES: &'static [&'static ::core::primitive::str] = &[#(#names),*];

                fn ordinal(self) -> ::core::primitive::u16 {
                    match self { #(#ident::#variants => #positions,)* }
                }

                fn from_ordinal(ordinal: ::core::primitive::u16) -> ::core::option::Option<Self> {
                    match ordinal {
                        #(#positions => ::core::option::Option::Some(#ident::#variants),)*
                        #[allow(unreachable_patterns)]
                        _ => ::core::option::Option::None,
                    }
                }
            }

            impl ::core::convert::From<#ident> for #krate::Value<'_> {
                fn from(value: #ident) -> Self {
                    ::core::convert::From::from(#krate::Enumeration::name(value))
                }
            }

            impl ::core::convert::TryFrom<#krate::Value<'_>> for #ident {
                type Error = #krate::Error;

                fn try_from(value: #krate::Value<'_>) -> #krate::Result<Self> {
                    #krate::__private::enum_of_value(&value)
                }
            }

            impl ::core::convert::TryFrom<#krate::Enum<#ident>> for #ident {
                type Error = #krate::Error;

                fn try_from(value: #krate::Enum<#ident>) -> #krate::Result<Self> {
                    value.get()
                }
            }
        };
    }
}

/// The options in `#[field(...)]` on the enum.
struct Options {
    krate: syn::Path,
    case: Option<Case>,
}

impl Options {
    fn read(attributes: &[Attribute]) -> Result<Options> {
        let (mut krate, mut case) = (None, None);
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("field")) {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("crate") {
                    krate = Some(meta.value()?.parse::<LitStr>()?.parse()?);
                } else if meta.path.is_ident("rename_all") {
                    case = Some(Case::read(&meta.value()?.parse()?)?);
                } else {
                    return Err(
                        meta.error("an enum is marked with rename_all = \"case\" or crate = \"path\"")
                    );
                }
                Ok(())
            })?;
        }
        Ok(Options { krate: krate.unwrap_or_else(drystone), case })
    }
}

/// The type of a position. It must be the one that a file uses for this number of names.
fn repr(input: &DeriveInput, variants: usize) -> Result<TokenStream> {
    let (one, two) = (has_repr(&input.attrs, "u8")?, has_repr(&input.attrs, "u16")?);
    let problem = match (one, two, variants) {
        (_, _, 0) => "an enumeration needs at least one variant",
        (true, _, 1..=IN_ONE_BYTE) => return Ok(quote!(u8)),
        (_, true, 257..=IN_TWO_BYTES) => return Ok(quote!(u16)),
        (_, _, 1..=IN_ONE_BYTE) => {
            "an enumeration of up to 256 names takes one byte: put #[repr(u8)] on the enum"
        }
        (_, _, 257..=IN_TWO_BYTES) => {
            "an enumeration of more than 256 names takes two bytes: put #[repr(u16)] on the enum"
        }
        _ => "an enumeration has at most 65,536 variants",
    };
    Err(Error::new_spanned(&input.ident, problem))
}

fn check_variant(variant: &Variant, position: usize) -> Result<()> {
    if !matches!(variant.fields, Fields::Unit) {
        let problem = "a variant cannot have values of its own, as a field has room for its position only";
        return Err(Error::new_spanned(&variant.fields, problem));
    }
    let Some((_, number)) = &variant.discriminant else { return Ok(()) };
    if let Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) = number
        && number.base10_parse::<usize>().is_ok_and(|number| number == position)
    {
        return Ok(());
    }
    let problem =
        format!("what is stored is the position, here {position}: remove the number, or write this one");
    Err(Error::new_spanned(number, problem))
}

fn name(variant: &Variant, case: Option<Case>) -> Result<String> {
    let (mut name, mut place) =
        (case.unwrap_or_default().apply(&variant.ident.unraw().to_string()), variant.ident.span());
    for attribute in variant.attrs.iter().filter(|attribute| attribute.path().is_ident("field")) {
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("rename") {
                return Err(meta.error("a variant is marked with rename = \"name\""));
            }
            let renamed: LitStr = meta.value()?.parse()?;
            (name, place) = (renamed.value(), renamed.span());
            Ok(())
        })?;
    }
    names::check(&name, place, "a name of an enumeration has at least one letter")?;
    Ok(name)
}
