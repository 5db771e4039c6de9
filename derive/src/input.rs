//! Reads the struct of `#[derive(Record)]`: its representation and its fields. Refuses a struct
//! that cannot be a record. `emit` writes the code.

use syn::{Attribute, Data, DeriveInput, Error, Fields, Ident, LitStr, Path, Result, Visibility};

use crate::attributes::{drystone, has_repr};
use crate::field::Field;
use crate::problems::Problems;

/// How many parts a tuple can have that is a key.
const KEY_FIELDS: usize = 8;
const FIELDS: usize = 1024;

/// A struct that can be a record, as far as its text shows.
pub(crate) struct Record<'i> {
    pub(crate) ident: &'i Ident,
    pub(crate) vis: &'i Visibility,
    pub(crate) fields: Vec<Field<'i>>,
    /// The path of drystone in the program.
    pub(crate) krate: Path,
    /// Whether each field gets a method that returns its value.
    pub(crate) getters: bool,
}

/// Reads the struct. Reports all mistakes, not only the first.
pub(crate) fn read(input: &DeriveInput) -> Result<Record<'_>> {
    let mut problems = Problems::default();
    if let Some(parameter) = input.generics.params.first() {
        problems.push(Error::new_spanned(
            parameter,
            "a record has no generic parameters, as its schema is fixed: write a struct with the types themselves",
        ));
    }
    let (mut krate, mut getters) = (None, false);
    for attribute in input.attrs.iter().filter(|attribute| attribute.path().is_ident("record")) {
        problems.take(attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("crate") {
                krate = Some(meta.value()?.parse::<LitStr>()?.parse::<Path>()?);
            } else if meta.path.is_ident("getters") {
                getters = true;
            } else {
                return Err(meta.error(
                    "a struct is marked with getters or crate = \"path\"; key, rename and default stand on a field",
                ));
            }
            Ok(())
        }));
    }
    let mut fields = Vec::new();
    if let Some(found) = problems.take(named_fields(input)) {
        problems.take(check_repr(&input.ident, &input.attrs));
        for field in found {
            fields.extend(problems.take(Field::read(field)));
        }
    }
    if problems.is_empty() {
        problems.take(check_together(&input.ident, &fields));
    }
    let krate = krate.unwrap_or_else(drystone);
    problems.into_result(Record { ident: &input.ident, vis: &input.vis, fields, krate, getters })
}

fn named_fields(input: &DeriveInput) -> Result<impl Iterator<Item = &syn::Field>> {
    let problem = match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) if fields.named.is_empty() => "a record needs at least one field",
            Fields::Named(fields) => return Ok(fields.named.iter()),
            _ => "a record is a struct with named fields, as their names become those of its schema",
        },
        Data::Enum(_) => {
            "an enum cannot be a record: put #[derive(FieldType)] on it, and use it in a record as Enum<E>"
        }
        Data::Union(_) => "a union cannot be a record: write a struct",
    };
    Err(Error::new_spanned(&input.ident, problem))
}

fn check_repr(ident: &Ident, attributes: &[Attribute]) -> Result<()> {
    if has_repr(attributes, "C")? {
        return Ok(());
    }
    let problem = "a record needs #[repr(C)] or #[repr(C, packed)], so that its fields lie in the order in which they stand";
    Err(Error::new_spanned(ident, problem))
}

/// Checks that concern several fields: the order of the key, names, numbers.
fn check_together(ident: &Ident, fields: &[Field<'_>]) -> Result<()> {
    let mut problems = Problems::default();
    if fields.len() > FIELDS {
        let problem = format!("a record has at most {FIELDS} fields, and this one has {}", fields.len());
        problems.push(Error::new(ident.span(), problem));
    }
    if let Some(first) = fields.iter().position(|field| !field.key) {
        for late in fields[first..].iter().filter(|field| field.key) {
            let problem =
                format!("key fields come first: move `{}` before `{}`", late.ident, fields[first].ident);
            problems.push(Error::new(late.ident.span(), problem));
        }
    }
    if let Some(ninth) = fields.iter().filter(|field| field.key).nth(KEY_FIELDS) {
        let problem = format!("a key of a typed record has at most {KEY_FIELDS} fields");
        problems.push(Error::new(ninth.ident.span(), problem));
    }
    let mut names = std::collections::HashSet::new();
    for second in fields.iter().filter(|field| !names.insert(&field.name)) {
        let problem = format!("another field has the name {:?}: rename one", second.name);
        problems.push(Error::new(second.name_span, problem));
    }
    problems.into_result(())
}
