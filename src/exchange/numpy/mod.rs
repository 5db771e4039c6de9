//! NumPy: `.npy` files read as records ([`Reader`]) and written from rows ([`Writer`]), and the dtype of a schema
//! ([`dtype`]), by which NumPy maps a table straight out of its file.

mod dtype;
mod element;
mod literal;
mod read;
mod write;

pub use crate::exchange::inferred::Inferred;
pub use dtype::dtype;
pub use read::{Reader, Records};
pub use write::Writer;
