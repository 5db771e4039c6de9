//! JSON lines: an object a line, read into records ([`Reader`]) and written from rows ([`Writer`]).

mod infer;
mod line;
mod read;
mod write;

pub use crate::exchange::inferred::Inferred;
pub use read::{Reader, Records};
pub use write::Writer;
