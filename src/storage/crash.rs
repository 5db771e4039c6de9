//! A simulated disk: it notes everything that is done to it, so that a power cut can be played at any moment, fails
//! when it is told to, and outlives the "processes" that use it.

use std::io;
use std::sync::Arc;

use parking_lot::Mutex;

use super::{MappedFile, Mapping, Mutant, Storage};

/// The longest file that the disk holds.
const CAPACITY: u64 = 64 << 20;
const PAGE: usize = 4096;

/// Something that was done to the disk. What a power cut leaves of it is for the reader of the recording to play.
#[derive(Clone, Debug)]
pub enum Event {
    /// Bytes were written at this offset.
    Write {
        /// Where.
        offset: u64,
        /// What.
        bytes: Box<[u8]>,
    },
    /// The file got this length.
    Length(u64),
    /// Everything before is certain, but for what an earlier failed sync left uncertain.
    Sync,
    /// A sync that failed: what was written since the last one is uncertain for ever, though reads still show it. That is what
    /// kernels do: they call the pages clean, and the next sync has nothing to say of them.
    FailedSync,
}

/// What can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Reading a meta page, or a run for the commit list.
    Read,
    /// Writing: a part of the bytes arrives.
    Write,
    /// Growing or cutting the file.
    Resize,
    /// Syncing.
    Sync,
}

/// A failure to come.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// What fails.
    pub operation: Operation,
    /// How many operations of its kind pass before, from now on.
    pub after: usize,
    /// How many fail then.
    pub times: usize,
}

/// A disk with one file on it. Handles to the file stand for processes that have it open.
pub struct CrashDisk(Arc<Disk>);

struct Disk {
    file: MappedFile,
    planted: Option<Mutant>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    events: Vec<Event>,
    len: u64,
    /// Handles of earlier processes are dead.
    process: u64,
    counts: [usize; 4],
    fault: Option<Fault>,
    failures: usize,
}

impl CrashDisk {
    /// A disk with an empty file. A database on it has this bug.
    ///
    /// # Errors
    /// When the system gives no memory.
    pub fn new(planted: Option<Mutant>) -> io::Result<CrashDisk> {
        let file = MappedFile::anonymous(CAPACITY, CAPACITY)?;
        file.show(0);
        Ok(CrashDisk(Arc::new(Disk { file, planted, state: Mutex::default() })))
    }

    /// Puts these bytes on the disk, all of them certain, and begins a new recording.
    ///
    /// # Errors
    /// When a database still has the disk open, or the bytes are too many.
    pub fn load(&mut self, image: &[u8]) -> io::Result<()> {
        let Some(disk) = Arc::get_mut(&mut self.0) else {
            return Err(io::Error::other("the disk is in use"));
        };
        let state = disk.state.get_mut();
        disk.file.show(CAPACITY);
        let before = (state.len as usize).next_multiple_of(PAGE).max(image.len());
        for start in (0..before).step_by(PAGE) {
            let mut page = [0; PAGE];
            let wanted = image.get(start..).unwrap_or_default();
            let wanted = &wanted[..wanted.len().min(PAGE)];
            page[..wanted.len()].copy_from_slice(wanted);
            if disk.file.mapping().window(0..u64::MAX).slice(start as u64, PAGE) != Some(&page) {
                disk.file.write_at(start as u64, &page)?;
            }
        }
        *state = State { len: image.len() as u64, ..State::default() };
        disk.file.show(state.len);
        Ok(())
    }

    /// What happened since the image was loaded.
    pub fn events(&self) -> Vec<Event> {
        self.0.state.lock().events.clone()
    }

    /// How many events there are so far.
    pub fn event_count(&self) -> usize {
        self.0.state.lock().events.len()
    }

    /// How many operations of this kind there were.
    pub fn count(&self, operation: Operation) -> usize {
        self.0.state.lock().counts[operation as usize]
    }

    /// Has operations fail.
    pub fn inject(&self, fault: Fault) {
        self.0.state.lock().fault = Some(fault);
    }

    /// How many operations have failed.
    pub fn failures(&self) -> usize {
        self.0.state.lock().failures
    }

    /// The process that had the file open is killed: nothing that it still does has an effect. The disk keeps its power.
    pub fn end_process(&self) {
        self.0.state.lock().process += 1;
    }

    /// The file, opened by a new process.
    pub(crate) fn storage(&self) -> Box<dyn Storage> {
        let process = self.0.state.lock().process;
        Box::new(Handle { disk: Arc::clone(&self.0), process })
    }
}

/// The disk as one process sees it.
struct Handle {
    disk: Arc<Disk>,
    process: u64,
}

impl Handle {
    /// Runs an operation, unless it is to fail.
    fn run<R>(
        &self,
        operation: Operation,
        pass: impl FnOnce(&mut State) -> io::Result<R>,
        fail: impl FnOnce(&mut State) -> io::Result<()>,
    ) -> io::Result<R> {
        let state = &mut *self.disk.state.lock();
        if state.process != self.process {
            return Err(io::Error::other("the process was killed"));
        }
        state.counts[operation as usize] += 1;
        if let Some(fault) = state.fault.as_mut().filter(|fault| fault.operation == operation) {
            if fault.after > 0 {
                fault.after -= 1;
            } else if fault.times > 0 {
                fault.times -= 1;
                state.failures += 1;
                fail(state)?;
                // Every other write fails because the disk is full.
                let is_full = match operation {
                    Operation::Resize => true,
                    Operation::Write => state.counts[operation as usize].is_multiple_of(2),
                    Operation::Read | Operation::Sync => false,
                };
                let code = if is_full { libc::ENOSPC } else { libc::EIO };
                return Err(io::Error::from_raw_os_error(code));
            }
        }
        pass(state)
    }

    fn set_len(&self, state: &mut State, len: u64) {
        state.len = len;
        state.events.push(Event::Length(len));
        self.disk.file.show(len);
    }

    fn write(&self, state: &mut State, offset: u64, bytes: &[u8]) -> io::Result<()> {
        if offset + bytes.len() as u64 > state.len {
            return Err(io::Error::other(format!("a write at {offset}, beyond the end of the file")));
        }
        state.events.push(Event::Write { offset, bytes: bytes.into() });
        self.disk.file.write_at(offset, bytes)
    }
}

impl Storage for Handle {
    fn mapping(&self) -> &Mapping {
        self.disk.file.mapping()
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let read = |state: &mut State| {
            if offset + into.len() as u64 > state.len {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
            }
            self.disk.file.read_at(offset, into)
        };
        self.run(Operation::Read, read, |_| Ok(()))
    }

    fn fetch(&self, _offset: u64, _bytes: u64) -> io::Result<()> {
        Ok(())
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let half = &bytes[..bytes.len() / 2];
        self.run(
            Operation::Write,
            |state| self.write(state, offset, bytes),
            |state| self.write(state, offset, half),
        )
    }

    fn grow(&self, bytes: u64) -> io::Result<()> {
        let grow = |state: &mut State| {
            if bytes > CAPACITY {
                return Err(io::Error::from(io::ErrorKind::StorageFull));
            }
            if bytes > state.len {
                self.set_len(state, bytes);
            }
            Ok(())
        };
        self.run(Operation::Resize, grow, |_| Ok(()))
    }

    fn shrink(&self, bytes: u64) -> io::Result<()> {
        let shrink = |state: &mut State| {
            if bytes < state.len {
                // What is cut off reads as zeros when the file grows over it again.
                self.disk.file.write_at(bytes, &vec![0; (state.len - bytes) as usize])?;
                self.set_len(state, bytes);
            }
            Ok(())
        };
        self.run(Operation::Resize, shrink, |_| Ok(()))
    }

    fn discard(&self, offset: u64, bytes: u64) -> io::Result<()> {
        // A power cut finds any part of it done, as it does of a write.
        self.run(Operation::Resize, |state| self.write(state, offset, &vec![0; bytes as usize]), |_| Ok(()))
    }

    fn least_discard(&self) -> u64 {
        PAGE as u64
    }

    fn refresh(&self) -> io::Result<u64> {
        Ok(self.disk.state.lock().len)
    }

    fn sync(&self) -> io::Result<()> {
        let note = |state: &mut State, event| {
            state.events.push(event);
            Ok(())
        };
        self.run(Operation::Sync, |state| note(state, Event::Sync), |state| note(state, Event::FailedSync))
    }

    fn planted(&self) -> Option<Mutant> {
        self.disk.planted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loaded_image_hides_what_was_there() {
        let mut disk = CrashDisk::new(None).unwrap();
        disk.load(&[1; 3 * PAGE]).unwrap();
        let file = disk.storage();
        file.grow(4 * PAGE as u64).unwrap();
        file.write_at(3 * PAGE as u64, b"more").unwrap();
        assert!(disk.load(&[2; PAGE]).is_err(), "the file is open");
        drop(file);
        disk.load(&[2; PAGE + 1]).unwrap();
        let file = disk.storage();
        assert_eq!(file.refresh().unwrap(), PAGE as u64 + 1);
        assert!(file.mapping().window(0..u64::MAX).slice(0, PAGE + 2).is_none());
        file.grow(4 * PAGE as u64).unwrap();
        let tail = file.mapping().window(0..u64::MAX).slice(PAGE as u64, 3 * PAGE).unwrap();
        assert_eq!(tail[0], 2);
        assert!(tail[1..].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn a_fault_hits_once_and_a_killed_process_no_more() {
        let mut disk = CrashDisk::new(None).unwrap();
        disk.load(&[0; PAGE]).unwrap();
        let file = disk.storage();
        disk.inject(Fault { operation: Operation::Write, after: 1, times: 1 });
        file.write_at(0, b"first").unwrap();
        file.write_at(8, b"second").unwrap_err();
        file.write_at(8, b"second").unwrap();
        file.sync().unwrap();
        disk.end_process();
        file.write_at(0, b"late").unwrap_err();
        assert_eq!((disk.event_count(), disk.failures()), (4, 1));
        assert!(matches!(&disk.events()[1], Event::Write { bytes, .. } if **bytes == *b"sec"));
    }
}
