//! Writes the code of a record: its schema, key, marker and methods, and the assertions that make
//! its `unsafe impl`s sound. Reads a `Record`, and no syntax.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use crate::field::Field;
use crate::input::Record;
use crate::types::{is_nullable, parameters, type_name};

pub(crate) fn record(record: &Record<'_>) -> TokenStream {
    let (ident, krate) = (record.ident, &record.krate);
    let assertions = assertions(record);
    let methods = methods(record);
    let fields = record.fields.iter().map(|field| definition(krate, field));
    let key = key(&record.fields);
    let marker = if record.fields.iter().any(|field| field.key) { quote!(Keyed) } else { quote!(Unkeyed) };
    let type_name = ident.to_string();
    // Sound: `repr(C)` keeps the fields in order, the assertions refuse padding, and
    // `record_field::<T>` takes only types of which any bytes are a value.
    quote! {
        const _: () = {
            #assertions

            unsafe impl #krate::__private::Zeroable for #ident {}

            unsafe impl #krate::__private::Pod for #ident {}

            impl #krate::Record for #ident {
                type Key = #key;

                fn schema() -> &'static #krate::Schema {
                    static SCHEMA: #krate::__private::LazyLock<#krate::Schema> =
                        #krate::__private::LazyLock::new(|| {
                            #krate::__private::schema(#type_name, [#(#fields),*])
                        });
                    &SCHEMA
                }
            }

            impl #krate::__private::SealedKeyed for #ident {}

            impl #krate::#marker for #ident {}

            #methods
        };
    }
}

/// Methods of the struct: `key`, and a getter for each field if that was asked for.
fn methods(record: &Record<'_>) -> TokenStream {
    let (ident, vis) = (record.ident, record.vis);
    let getters = record.fields.iter().filter(|_| record.getters).map(|field| {
        let Field { ident, ty, vis, docs, .. } = field;
        quote!(#(#docs)* #[inline] #vis fn #ident(&self) -> #ty { self.#ident })
    });
    let of_key: Vec<_> = record.fields.iter().filter(|field| field.key).map(|field| field.ident).collect();
    // A field of this name has a getter of this name.
    let is_taken = record.getters && record.fields.iter().any(|field| field.ident == "key");
    let key = match of_key.as_slice() {
        [] => None,
        _ if is_taken => None,
        [one] => Some(quote!(self.#one)),
        several => Some(quote!((#(self.#several),*))),
    };
    let ty = self::key(&record.fields);
    let key = key.map(|key| {
        quote! {
            /// The key of this record.
            #[inline]
            #vis fn key(&self) -> #ty { #key }
        }
    });
    quote! {
        #[allow(dead_code)]
        impl #ident {
            #key
            #(#getters)*
        }
    }
}

/// Assertions for the compiler, which knows the sizes of the fields.
fn assertions(record: &Record<'_>) -> TokenStream {
    let (ident, krate) = (record.ident, &record.krate);
    let types = record.fields.iter().map(|field| field.ty);
    let key_types = record.fields.iter().filter(|field| field.key).map(|field| field.ty);
    let defaults = record.fields.iter().filter_map(|field| default_fits(krate, field));
    // A type alias can hide a Nullable from `Field::read`.
    let not_null = record.fields.iter().filter(|field| field.key).map(|field| {
        let ty = field.ty;
        let holds = quote!(!<#ty as #krate::FieldType>::NULLABLE);
        assertion(ty.span(), &holds, "a key field cannot be null: use the type without Nullable")
    });
    let size = quote!(::core::mem::size_of::<#ident>());
    let no_padding = assertion(
        ident.span(),
        &quote!(#size == 0 #(+ ::core::mem::size_of::<#types>())*),
        &format!(
            "{ident} has padding between its fields or at its end: \
             put the widest fields first, add an explicit field, or use #[repr(C, packed)]"
        ),
    );
    let width = assertion(
        ident.span(),
        &quote!(#size <= 65535),
        &format!("{ident} is wider than the 65535 bytes that a record has at most"),
    );
    let key_width = assertion(
        ident.span(),
        &quote!(0 #(+ ::core::mem::size_of::<#key_types>())* <= 256),
        &format!("the key of {ident} is wider than the 256 bytes that a key has at most"),
    );
    quote!(#no_padding #width #key_width #(#not_null)* #(#defaults)*)
}

/// An assertion whose failure is shown at this place. The condition keeps the macro's own span, so
/// that lints ignore it.
fn assertion(place: Span, holds: &TokenStream, message: &str) -> TokenStream {
    quote_spanned!(place => ::core::assert!(#holds, #message);)
}

/// Asserts that a field whose default is null is nullable, that the default of an enumeration is
/// one of its names, and that the default of a text is not longer than the field.
fn default_fits(krate: &syn::Path, field: &Field<'_>) -> Option<TokenStream> {
    let default = field.default.as_ref()?;
    let (ident, ty) = (field.ident, field.ty);
    let Some(text) = &default.text else {
        let holds = quote!(<#ty as #krate::FieldType>::NULLABLE);
        let message = format!("`{ident}` cannot be null: use drystone::Nullable<T>");
        return Some(assertion(default.span, &holds, &message));
    };
    let inner = parameters(ty).next().filter(|_| is_nullable(ty)).unwrap_or(ty);
    if type_name(inner).is_some_and(|name| name == "Enum") {
        let of = parameters(inner).next()?;
        let holds = quote!(#krate::__private::is_name(<#of as #krate::Enumeration>::NAMES, #text));
        let message = format!("the default of `{ident}` is no name of its enumeration: {text:?}");
        return Some(assertion(default.span, &holds, &message));
    }
    let mut names = std::iter::once(ty).chain(parameters(ty)).filter_map(type_name);
    if !names.any(|name| name == "Text") {
        return None;
    }
    let bytes = text.len();
    let holds = quote!(::core::mem::size_of::<#ty>() >= #bytes);
    let message = format!("the default of `{ident}` has {bytes} bytes, which do not fit the field");
    Some(assertion(default.span, &holds, &message))
}

fn definition(krate: &syn::Path, field: &Field<'_>) -> TokenStream {
    let Field { name, ty, key, default, .. } = field;
    let default = match default {
        None => quote!(#krate::__private::Default::None),
        Some(default) => match &default.text {
            None => quote!(#krate::__private::Default::Null),
            Some(text) => quote!(#krate::__private::Default::Text(#text)),
        },
    };
    quote!(#krate::__private::record_field::<#ty>(#name, #key, #default))
}

fn key(fields: &[Field<'_>]) -> TokenStream {
    let types: Vec<_> = fields.iter().filter(|field| field.key).map(|field| field.ty).collect();
    match types.as_slice() {
        [] => quote!(::core::primitive::u64),
        [one] => quote!(#one),
        several => quote!((#(#several),*)),
    }
}
