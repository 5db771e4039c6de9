//! `Durable`: a file that is on the disk when it is finished. A thread syncs what was written while
//! more is made, as the disk takes as long for a large export as making it.

use std::fs::File;
use std::io::{self, Seek, Write};
use std::path::Path;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

/// After this many bytes the thread syncs.
const EARLY_BYTES: u64 = 16 << 20;

/// What can be synced.
pub(super) trait Sync: Write {
    /// Brings what was written to the disk. What is written meanwhile may be left out.
    fn sync(&self) -> io::Result<()>;

    /// Another handle of the same file.
    fn again(&self) -> io::Result<Self>
    where
        Self: Sized;
}

impl Sync for File {
    fn sync(&self) -> io::Result<()> {
        self.sync_all()
    }

    fn again(&self) -> io::Result<File> {
        self.try_clone()
    }
}

/// A file, and the thread that syncs it.
pub(super) struct Durable<F = File> {
    file: F,
    /// How many bytes were written since the thread was woken.
    unsynced: u64,
    early: Early,
}

enum Early {
    /// Little was written so far.
    NotYet,
    Running(SyncSender<()>, JoinHandle<io::Result<()>>),
    /// The system has no more threads, or the sync failed.
    Over,
}

impl<F: Sync + Send + 'static> Durable<F> {
    pub(super) fn new(file: F) -> Durable<F> {
        Durable { file, unsynced: 0, early: Early::NotYet }
    }

    pub(super) fn get(&self) -> &F {
        &self.file
    }

    fn sync_early(&mut self) {
        if let Early::NotYet = self.early {
            self.early = start(&self.file).unwrap_or(Early::Over);
        }
        let Early::Running(wake, _) = &self.early else { return };
        // If it is still busy, it is woken next time.
        if wake.try_send(()).is_ok() {
            self.unsynced = 0;
        }
    }

    /// Waits until all is on the disk, and returns the file.
    pub(super) fn finish(self) -> io::Result<F> {
        if let Early::Running(wake, thread) = self.early {
            drop(wake);
            // The system tells an error of the disk once, perhaps to the thread.
            thread
                .join()
                .unwrap_or_else(|_| Err(io::Error::other("the thread that syncs it ended early")))?;
        }
        self.file.sync()?;
        Ok(self.file)
    }
}

fn start(file: &(impl Sync + Send + 'static)) -> io::Result<Early> {
    let file = file.again()?;
    let (wake, woken) = sync_channel::<()>(0);
    let work = move || woken.into_iter().try_for_each(|()| file.sync());
    let thread = thread::Builder::new().name("sync".into()).spawn(work)?;
    Ok(Early::Running(wake, thread))
}

impl<F: Sync + Send + 'static> Write for Durable<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.unsynced += written as u64;
        if self.unsynced >= EARLY_BYTES {
            self.sync_early();
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Makes the names in a folder durable. Does nothing where the folder cannot be opened, or where
/// the file system has no such thing.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    let Ok(opened) = File::open(folder) else { return Ok(()) };
    match opened.sync_all() {
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => {
            Ok(())
        }
        synced => synced,
    }
}

/// Copies a file into another one.
pub(super) fn copy(mut from: &File, mut to: &File) -> io::Result<()> {
    from.rewind()?;
    to.set_len(0)?;
    io::copy(&mut from, &mut to)?;
    to.sync_all()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Remembers how much was written at each sync. Syncs fail after some of them.
    #[derive(Clone)]
    struct Told {
        bytes: Arc<AtomicU64>,
        synced: Arc<Mutex<Vec<u64>>>,
        fails_after: usize,
    }

    impl Told {
        fn new(fails_after: usize) -> Told {
            Told { bytes: Arc::default(), synced: Arc::default(), fails_after }
        }
    }

    impl Write for Told {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.bytes.fetch_add(bytes.len() as u64, Ordering::SeqCst);
            // Time for the thread.
            thread::sleep(std::time::Duration::from_millis(5));
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Sync for Told {
        fn sync(&self) -> io::Result<()> {
            let mut synced = self.synced.lock().unwrap();
            synced.push(self.bytes.load(Ordering::SeqCst));
            if synced.len() > self.fails_after { Err(io::Error::other("the disk is broken")) } else { Ok(()) }
        }

        fn again(&self) -> io::Result<Told> {
            Ok(self.clone())
        }
    }

    fn written(file: &Told, mebibytes: usize) -> io::Result<Told> {
        let mut file = Durable::new(file.clone());
        let mebibyte = vec![0; 1 << 20];
        (0..mebibytes).try_for_each(|_| file.write_all(&mebibyte))?;
        file.finish()
    }

    #[test]
    fn a_long_file_is_synced_while_it_is_written_and_at_the_end() {
        let file = Told::new(usize::MAX);
        written(&file, 80).unwrap();
        let synced = file.synced.lock().unwrap().clone();
        assert!(synced.len() > 1 && synced[0] < 40 << 20 && synced.last() == Some(&(80 << 20)), "{synced:?}");
    }

    #[test]
    fn a_short_file_is_synced_once() {
        let file = Told::new(usize::MAX);
        written(&file, 2).unwrap();
        assert_eq!(*file.synced.lock().unwrap(), [2 << 20]);
    }

    #[test]
    fn an_early_sync_that_fails_is_an_error_at_the_end() {
        let file = Told::new(0);
        assert!(written(&file, 80).is_err_and(|error| error.to_string() == "the disk is broken"));
        assert_eq!(file.synced.lock().unwrap().len(), 1);
    }
}
