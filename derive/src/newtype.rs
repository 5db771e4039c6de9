//! `#[derive(FieldType)]` of a struct around one field: it is stored as that field is.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{DataStruct, DeriveInput, Error, LitStr, Member, Path, Result};

use crate::field::check_type;
use crate::input::{Problems, drystone, has_repr};

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

fn emit(input: &DeriveInput, krate: &Path, ty: &syn::Type, member: &Member) -> TokenStream {
    let ident = &input.ident;
    // Sound because `repr(transparent)` gives the struct the bytes of its field, and that is a
    // `FieldType`, of which any bytes are a value: the line with TYPE does not compile for another
    // one.
    //
    // A bound on a type that is known is an error where it does not hold; with `for<'never>` it is
    // a condition.
    quote! {
        const _: () = {
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
        };
    }
}
