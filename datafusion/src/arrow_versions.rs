//! The one place where data crosses between the Arrow of the library and that of DataFusion, which
//! are two versions of the same crates. The Arrow C data interface has one layout in all versions,
//! so columns cross without a copy.

#![allow(unsafe_code)]

use std::ptr;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, StructArray, make_array};
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use drystone::arrow::{BatchEncoder, arrow_array as ours, arrow_schema as our_schema};

/// Makes record batches for DataFusion, with texts as views: it compares, hashes and groups those
/// faster, since most texts in records are short.
pub(crate) fn encoder(schema: &drystone::Schema) -> BatchEncoder {
    BatchEncoder::new(schema).text_views(true)
}

/// The schema of the batches of [`encoder`], in DataFusion's version.
pub(crate) fn to_engine_schema(schema: &drystone::Schema) -> Result<SchemaRef, ArrowError> {
    let fields =
        encoder(schema).schema().fields().iter().map(to_engine_field).collect::<Result<Vec<Field>, _>>()?;
    Ok(Arc::new(Schema::new(fields)))
}

fn to_engine_field(field: &our_schema::FieldRef) -> Result<Field, ArrowError> {
    let mut exported = ours::ffi::FFI_ArrowSchema::try_from(field.as_ref())
        .map_err(|error| ArrowError::CDataInterface(error.to_string()))?;
    let raw = ptr::from_mut(&mut exported).cast::<arrow::ffi::FFI_ArrowSchema>();
    // SAFETY: both are the `ArrowSchema` of the C data interface, which was made above and not
    // released. `from_raw` moves it out and leaves an empty one behind.
    let imported = unsafe { arrow::ffi::FFI_ArrowSchema::from_raw(raw) };
    Field::try_from(&imported)
}

/// A record batch of the library in DataFusion's version. `schema` is what [`to_engine_schema`]
/// made of the schema of the batch.
pub(crate) fn to_engine(batch: &ours::RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let columns = batch.columns().iter().zip(schema.fields()).map(|(column, field)| {
        let mut exported = ours::ffi::FFI_ArrowArray::new(&ours::Array::to_data(column));
        let raw = ptr::from_mut(&mut exported).cast::<arrow::ffi::FFI_ArrowArray>();
        // SAFETY: both are the `ArrowArray` of the C data interface, which was made above and not
        // released. `from_raw` moves it out and leaves an empty one behind.
        let imported = unsafe { arrow::ffi::FFI_ArrowArray::from_raw(raw) };
        // SAFETY: the array was exported from a valid one, of this type: `schema` was made of the
        // schema of the batch, and `to_engine_field` keeps the types.
        let data = unsafe { arrow::ffi::from_ffi_and_data_type(imported, field.data_type().clone()) }?;
        Ok(make_array(data))
    });
    let columns = columns.collect::<Result<Vec<ArrayRef>, ArrowError>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
}

/// A record batch of DataFusion in the library's version.
pub(crate) fn from_engine(batch: &RecordBatch) -> Result<ours::RecordBatch, ArrowError> {
    let whole: StructArray = batch.clone().into();
    let (mut array, mut schema) = arrow::ffi::to_ffi(&arrow::array::Array::to_data(&whole))?;
    let raw_array = ptr::from_mut(&mut array).cast::<ours::ffi::FFI_ArrowArray>();
    // SAFETY: both are the `ArrowArray` of the C data interface, which was made above and not
    // released. `from_raw` moves it out and leaves an empty one behind.
    let array = unsafe { ours::ffi::FFI_ArrowArray::from_raw(raw_array) };
    let raw_schema = ptr::from_mut(&mut schema).cast::<ours::ffi::FFI_ArrowSchema>();
    // SAFETY: the same for the `ArrowSchema`.
    let schema = unsafe { ours::ffi::FFI_ArrowSchema::from_raw(raw_schema) };
    // SAFETY: both were exported together from a valid array.
    let data = unsafe { ours::ffi::from_ffi(array, &schema) };
    let data = data.map_err(|error| ArrowError::CDataInterface(error.to_string()))?;
    Ok(ours::StructArray::from(data).into())
}

/// A schema of DataFusion in the library's version.
pub(crate) fn from_engine_schema(schema: &Schema) -> Result<our_schema::SchemaRef, ArrowError> {
    let mut exported = arrow::ffi::FFI_ArrowSchema::try_from(schema)?;
    let raw = ptr::from_mut(&mut exported).cast::<ours::ffi::FFI_ArrowSchema>();
    // SAFETY: both are the `ArrowSchema` of the C data interface, which was made above and not
    // released. `from_raw` moves it out and leaves an empty one behind.
    let imported = unsafe { ours::ffi::FFI_ArrowSchema::from_raw(raw) };
    let schema = our_schema::Schema::try_from(&imported);
    schema.map(Arc::new).map_err(|error| ArrowError::CDataInterface(error.to_string()))
}
