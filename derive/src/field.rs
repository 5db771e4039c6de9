//! One field of a record: its name, its type and its attributes. `input` reads all fields with it.

use proc_macro2::Span;
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Attribute, Error, Expr, Ident, LitStr, Result, Type, Visibility};

use crate::default::{self, Default};
use crate::names;
use crate::types::{check_type, is_nullable};

pub(crate) struct Field<'i> {
    pub(crate) ident: &'i Ident,
    pub(crate) ty: &'i Type,
    pub(crate) vis: &'i Visibility,
    /// The doc comments of the field, for its getter.
    pub(crate) docs: Vec<&'i Attribute>,
    /// The name in the schema, and its place in the source.
    pub(crate) name: String,
    pub(crate) name_span: Span,
    pub(crate) key: bool,
    pub(crate) default: Option<Default>,
}

impl<'i> Field<'i> {
    pub(crate) fn read(field: &'i syn::Field) -> Result<Field<'i>> {
        let ident = field.ident.as_ref().ok_or_else(|| Error::new(field.span(), "a field needs a name"))?;
        let mut read = Field {
            ident,
            ty: &field.ty,
            vis: &field.vis,
            docs: field.attrs.iter().filter(|attribute| attribute.path().is_ident("doc")).collect(),
            name: ident.unraw().to_string(),
            name_span: ident.span(),
            key: false,
            default: None,
        };
        for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("record")) {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("key") {
                    read.key = true;
                } else if meta.path.is_ident("rename") {
                    let name: LitStr = meta.value()?.parse()?;
                    (read.name, read.name_span) = (name.value(), name.span());
                } else if meta.path.is_ident("default") {
                    read.default = Some(default::read(&meta.value()?.parse::<Expr>()?, read.ty)?);
                } else {
                    return Err(
                        meta.error("a field is marked with key, rename = \"name\" or default = value")
                    );
                }
                Ok(())
            })?;
        }
        names::check(&read.name, read.name_span, "a field needs a name")?;
        check_type(read.ty)?;
        if read.key && is_nullable(read.ty) {
            return Err(Error::new_spanned(
                read.ty,
                "a key field cannot be null: use the type without Nullable",
            ));
        }
        Ok(read)
    }
}
