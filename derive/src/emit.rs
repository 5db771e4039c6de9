//! Writes the code: the record's schema, key and marker, and the assertions that its bytes can be taken as they are.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use crate::field::{Field, parameters, type_name};
use crate::input::Record;

pub(crate) fn record(record: &Record<'_>) -> TokenStream {
    let ident = record.ident;
    let assertions = assertions(record);
    let fields = record.fields.iter().map(definition);
    let key = key(&record.fields);
    let marker = if record.fields.iter().any(|field| field.key) { quote!(Keyed) } else { quote!(Unkeyed) };
    let type_name = ident.to_string();
    // Sound because `repr(C)` keeps the fields in order, the assertions find padding, and `field::<T>` takes no type but
    // those of which any bytes are a value.
    quote! {
        const _: () = {
            #assertions

            unsafe impl ::drystone::__private::Zeroable for #ident {}

            unsafe impl ::drystone::__private::Pod for #ident {}

            impl ::drystone::Record for #ident {
                type Key = #key;

                fn schema() -> &'static ::drystone::Schema {
                    static SCHEMA: ::drystone::__private::LazyLock<::drystone::Schema> =
                        ::drystone::__private::LazyLock::new(|| {
                            ::drystone::__private::schema(#type_name, [#(#fields),*])
                        });
                    &SCHEMA
                }
            }

            impl ::drystone::#marker for #ident {}
        };
    }
}

/// What only the compiler can tell, as it knows the sizes.
fn assertions(record: &Record<'_>) -> TokenStream {
    let ident = record.ident;
    let types = record.fields.iter().map(|field| field.ty);
    let key_types = record.fields.iter().filter(|field| field.key).map(|field| field.ty);
    let defaults = record.fields.iter().filter_map(default_fits);
    // A type alias can hide a Nullable from `Field::read`.
    let not_null = record.fields.iter().filter(|field| field.key).map(|field| {
        let ty = field.ty;
        let holds = quote!(!<#ty as ::drystone::FieldType>::NULLABLE);
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

/// An assertion whose failure is shown at this place. What it asserts counts as written by the macro, so that lints leave
/// it alone.
fn assertion(place: Span, holds: &TokenStream, message: &str) -> TokenStream {
    quote_spanned!(place => ::core::assert!(#holds, #message);)
}

/// That a field whose default is null may be null, and that the default of a text field is no longer than the field.
fn default_fits(field: &Field<'_>) -> Option<TokenStream> {
    let default = field.default.as_ref()?;
    let (ident, ty) = (field.ident, field.ty);
    let Some(text) = &default.text else {
        let holds = quote!(<#ty as ::drystone::FieldType>::NULLABLE);
        let message = format!("`{ident}` cannot be null: use drystone::Nullable<T>");
        return Some(assertion(default.span, &holds, &message));
    };
    let mut names = std::iter::once(ty).chain(parameters(ty)).filter_map(type_name);
    if !names.any(|name| name == "Text") {
        return None;
    }
    let bytes = text.len();
    let holds = quote!(::core::mem::size_of::<#ty>() >= #bytes);
    let message = format!("the default of `{ident}` has {bytes} bytes, which do not fit the field");
    Some(assertion(default.span, &holds, &message))
}

fn definition(field: &Field<'_>) -> TokenStream {
    let Field { name, ty, key, default, .. } = field;
    let default = match default {
        None => quote!(::drystone::__private::Default::None),
        Some(default) => match &default.text {
            None => quote!(::drystone::__private::Default::Null),
            Some(text) => quote!(::drystone::__private::Default::Text(#text)),
        },
    };
    quote!(::drystone::__private::record_field::<#ty>(#name, #key, #default))
}

fn key(fields: &[Field<'_>]) -> TokenStream {
    let types: Vec<_> = fields.iter().filter(|field| field.key).map(|field| field.ty).collect();
    match types.as_slice() {
        [] => quote!(::core::primitive::u64),
        [one] => quote!(#one),
        several => quote!((#(#several),*)),
    }
}
