//! `#[derive(FieldType)]` of a struct around one field: it is stored as that field. Its
//! `unsafe impl`s rely on `#[repr(transparent)]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{DataStruct, DeriveInput, Error, Ident, LitStr, Member, Path, Result};

use crate::attributes::{drystone, has_repr};
use crate::problems::Problems;
use crate::types::check_type;

pub(crate) fn derive(input: &DeriveInput, data: &DataStruct) -> Result<TokenStream> {
    let mut problems = Problems::default();
    let krate = problems.take(krate(input));
    if let Some(parameter) = input.generics.params.first() {
        let problem = "a field type has no generic parameters: write the type itself";
        problems.push(Error::new_spanned(parameter, problem));
    }
    if problems.take(has_repr(&input.attrs, "transparent")) == Some(false) {
        let problem = "a field type needs #[repr(transparent)], so that its bytes are those of what is in it";
        problems.push(Error::new_spanned(&input.ident, problem));
    }
    let mut fields = data.fields.iter().zip(data.fields.members());
    let only = match (fields.next(), fields.next()) {
        (Some(only), None) => only,
        _ => {
            let problem = "a field type is a struct around one field; a struct of several fields is a record: #[derive(Record)]";
            problems.push(Error::new_spanned(&input.ident, problem));
            return problems.into_result(TokenStream::new());
        }
    };
    problems.take(check_type(&only.0.ty));
    problems.into_result(())?;
    Ok(emit(input, &krate.unwrap_or_else(drystone), &only.0.ty, &only.1))
}

fn krate(input: &DeriveInput) -> Result<Path> {
    let mut krate = None;
    for attribute in input.attrs.iter().filter(|attribute| attribute.path().is_ident("field")) {
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("crate") {
                return Err(meta.error("a struct is marked with crate = \"path\""));
            }
            krate = Some(meta.value()?.parse::<LitStr>()?.parse()?);
            Ok(())
        })?;
    }
    Ok(krate.unwrap_or_else(drystone))
}

/// The code of the type. Each part says what holds for the type because it holds for its field.
fn emit(input: &DeriveInput, krate: &Path, ty: &syn::Type, member: &Member) -> TokenStream {
    let ident = &input.ident;
    let field_type = field_type(ident, krate, ty, member);
    let key = key(ident, krate, ty, member);
    let value = value(ident, krate, ty, member);
    quote! {
        const _: () = {
            #field_type
            #key
            #value
        };
    }
}

fn field_type(ident: &Ident, krate: &Path, ty: &syn::Type, member: &Member) -> TokenStream {
    // Sound: `repr(transparent)` gives the struct the bytes of its field, and any bytes are a value
    // of a `FieldType`. The line with TYPE does not compile for a type that is none.
    //
    // A bound on a known type is an error if it does not hold; with `for<'never>` it is a
    // condition.
    quote! {
        unsafe impl #krate::__private::Zeroable for #ident {}

        unsafe impl #krate::__private::Pod for #ident {}

        impl #krate::__private::SealedField for #ident {}

        impl #krate::FieldType for #ident {
            const TYPE: #krate::Type = <#ty as #krate::FieldType>::TYPE;
            const NULLABLE: ::core::primitive::bool = <#ty as #krate::FieldType>::NULLABLE;
        }

        impl #krate::NullValue for #ident
        where
            for<'never> #ty: #krate::NullValue,
        {
            const RESERVED: Self = #ident { #member: <#ty as #krate::NullValue>::RESERVED };

            fn is_reserved(&self) -> ::core::primitive::bool {
                #krate::NullValue::is_reserved(&self.#member)
            }
        }
    }
}

fn key(ident: &Ident, krate: &Path, ty: &syn::Type, member: &Member) -> TokenStream {
    quote! {
        impl #krate::__private::SealedKey for #ident
        where
            for<'never> #ty: #krate::Key,
        {
        }

        impl #krate::Key for #ident
        where
            for<'never> #ty: #krate::Key,
        {
            const WIDTH: ::core::primitive::usize = <#ty as #krate::Key>::WIDTH;
            const FIELDS: &'static [(#krate::Type, ::core::primitive::bool)] = <#ty as #krate::Key>::FIELDS;

            #[inline]
            fn encode(&self, out: &mut [::core::primitive::u8]) {
                #krate::Key::encode(&self.#member, out)
            }
        }
    }
}

fn value(ident: &Ident, krate: &Path, ty: &syn::Type, member: &Member) -> TokenStream {
    quote! {
        impl<'value> ::core::convert::From<#ident> for #krate::Value<'value>
        where
            #ty: ::core::convert::Into<#krate::Value<'value>>,
        {
            fn from(value: #ident) -> Self {
                ::core::convert::Into::into(value.#member)
            }
        }

        impl<'value> ::core::convert::TryFrom<#krate::Value<'value>> for #ident
        where
            #ty: ::core::convert::TryFrom<#krate::Value<'value>, Error = #krate::Error>,
        {
            type Error = #krate::Error;

            fn try_from(value: #krate::Value<'value>) -> #krate::Result<Self> {
                ::core::result::Result::map(::core::convert::TryFrom::try_from(value), |value| #ident { #member: value })
            }
        }
    }
}
