//! The native half of the Python package `drystone`. It uses the public interface of the library
//! alone; what Python can say as well is written in Python, in `drystone/`.

mod arrow;
mod database;
mod encode;
mod error;
mod export;
mod find;
mod fold;
mod format;
mod handle;
mod layout;
mod list;
mod load;
mod query;
mod raw;
mod record;
mod shards;
mod still;
mod time;
mod transaction;
mod write;

use pyo3::prelude::*;

#[pymodule(gil_used = true)]
fn _drystone(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    raw::check_interpreter(py)?;
    module.add("Row", raw::row_class(py)?)?;
    module.add_class::<layout::Layout>()?;
    module.add_class::<record::Field>()?;
    module.add_class::<list::ListTable>()?;
    module.add_class::<still::Still>()?;
    module.add_class::<still::Rows>()?;
    module.add_class::<database::Database>()?;
    module.add_class::<handle::Handle>()?;
    module.add_class::<handle::Snapshot>()?;
    module.add_class::<export::Export>()?;
    module.add_class::<transaction::Transaction>()?;
    module.add_class::<write::TxTable>()?;
    module.add_function(wrap_pyfunction!(raw::descriptor, module)?)?;
    module.add_function(wrap_pyfunction!(raw::bind_descriptor, module)?)?;
    module.add_function(wrap_pyfunction!(record::astuple, module)?)?;
    module.add_function(wrap_pyfunction!(record::asdict, module)?)?;
    module.add_function(wrap_pyfunction!(record::copy_of, module)?)?;
    module.add_function(wrap_pyfunction!(record::replaced, module)?)?;
    module.add_function(wrap_pyfunction!(record::record_bytes, module)?)?;
    module.add_function(wrap_pyfunction!(record::from_bytes, module)?)?;
    module.add_function(wrap_pyfunction!(record::is_frozen, module)?)?;
    module.add_function(wrap_pyfunction!(record::is_value, module)?)?;
    module.add_function(wrap_pyfunction!(still::pack_keys, module)?)?;
    module.add_function(wrap_pyfunction!(arrow::list_stream, module)?)?;
    module.add_function(wrap_pyfunction!(arrow::infer_stream, module)?)?;
    module.add_function(wrap_pyfunction!(load::infer_csv, module)?)?;
    module.add_function(wrap_pyfunction!(export::still_of_list, module)?)?;
    module.add_function(wrap_pyfunction!(shards::list_shards, module)?)?;
    module.add_function(wrap_pyfunction!(shards::check_shard, module)?)?;
    module.add_function(wrap_pyfunction!(shards::make_shards, module)?)?;
    module.add_function(wrap_pyfunction!(database::parse_schema, module)?)?;
    module.add_function(wrap_pyfunction!(database::after_fork, module)?)?;
    module.add_function(wrap_pyfunction!(transaction::memory_transaction, module)?)?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    Ok(())
}
