//! What the fuzz targets share: input taken apart, a place for files, the file format read and
//! mended on its own, and everything that can be done with a database from an unknown source.

mod bytes;
pub mod exercise;
pub mod format;
pub mod model;
mod place;
pub mod readers;
pub mod sample;

pub use bytes::Bytes;
pub use place::{open, path};
