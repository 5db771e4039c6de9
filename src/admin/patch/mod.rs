//! Incremental backups. A patch is a file with the rows that differ between two states. `make`
//! writes one, `apply` changes a copy of the older state into the newer one. `content` has what a
//! patch says, and `framing` its bytes in blocks with checksums.

mod apply;
mod content;
mod framing;
mod make;

pub use apply::ApplyReport;
pub use make::{PatchReport, Since};
