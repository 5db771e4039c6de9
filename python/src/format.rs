//! The format of records in the buffer protocol.

use std::ffi::CString;

use drystone::{Number, Schema, Type};

/// The format of packed records, as `struct` and NumPy read it: `T{<i:x:<i:y:}`. `None` where the
/// protocol has no word for a field, or where a null would be shown as a value.
pub(crate) fn struct_format(schema: &Schema) -> Option<CString> {
    let mut text = String::from("T{");
    for field in schema.fields() {
        if field.is_nullable() && !matches!(field.ty(), Type::F32 | Type::F64) {
            return None;
        }
        match field.ty() {
            Type::Bool => text.push('?'),
            Type::U8 => text.push('B'),
            Type::I8 => text.push('b'),
            Type::U16 => text.push_str("<H"),
            Type::I16 => text.push_str("<h"),
            Type::U32 => text.push_str("<I"),
            Type::I32 => text.push_str("<i"),
            Type::U64 => text.push_str("<Q"),
            Type::I64 => text.push_str("<q"),
            Type::F32 => text.push_str("<f"),
            Type::F64 => text.push_str("<d"),
            Type::Array(number, length) => {
                let code = match number {
                    Number::U8 => "B",
                    Number::I8 => "b",
                    Number::U16 => "<H",
                    Number::I16 => "<h",
                    Number::U32 => "<I",
                    Number::I32 => "<i",
                    Number::U64 => "<Q",
                    Number::I64 => "<q",
                    Number::F32 => "<f",
                    Number::F64 => "<d",
                    _ => return None,
                };
                text.push_str(&format!("({length}){code}"));
            }
            _ => return None,
        }
        text.push_str(&format!(":{}:", field.name()));
    }
    text.push('}');
    CString::new(text).ok()
}
