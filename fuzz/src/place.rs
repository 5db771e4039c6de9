//! Where the targets keep their files: a folder of this process, in memory where the system's
//! temporary folder is.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use drystone::{Database, OpenOptions, Result};

static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = std::env::temp_dir().join(format!("drystone-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder can be made");
    folder
});

/// A file of this name.
pub fn path(name: &str) -> PathBuf {
    FOLDER.join(name)
}

/// Opens a database with little address space, so that any number of runs fit into one process.
pub fn open(path: &Path) -> Result<Database> {
    // SAFETY: the folder belongs to this process, which changes its files through Drystone alone
    // while they are open.
    unsafe { OpenOptions::new().reserve_bytes(1 << 30).open(path) }
}
