//! The simulated disk. It records everything that is done to it, so that a power cut can be
//! replayed at any moment. It fails where a test asks for that, and outlives the "processes" that
//! use it.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;

use super::byte_locks::ByteLocks;
use crate::storage::{Bug, MappedFile, Mapping, Storage};

/// The longest file that the disk holds.
const CAPACITY: u64 = 64 << 20;
const PAGE: usize = 4096;

/// Something that was done to the disk. The reader of the recording decides what a power cut leaves
/// of it.
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
    /// Everything before is durable, except what an earlier failed sync left uncertain.
    Sync,
    /// A sync that failed. What was written since the last one stays uncertain, though reads still
    /// show it. Kernels do that: they call the pages clean, and the next sync skips them.
    FailedSync,
}

/// What can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Reading a meta page, or a run for the commit list.
    Read,
    /// Reading a page through the mapping, for the first time.
    Fetch,
    /// Writing: a part of the bytes arrives.
    Write,
    /// Growing or cutting the file.
    Resize,
    /// Syncing.
    Sync,
    /// Reading the lock file.
    LockRead,
    /// Writing or cutting the lock file.
    LockWrite,
    /// Taking a lock on a byte of the lock file, or asking for one.
    Lock,
    /// Giving a lock up. It cannot fail.
    Unlock,
}

const OPERATIONS: usize = Operation::Unlock as usize + 1;

/// The outcome of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It happens.
    Pass,
    /// It fails. A part of a write arrives.
    Fail,
    /// The process is killed before it.
    Kill,
    /// The process is killed in the middle of it. The first half of the pages of a write arrives.
    KillMidway,
    /// A write is reported as done, but never happens.
    Lose,
}

/// Called before every operation of processes that share the disk, in the thread that does it. So
/// it can run other processes first.
pub trait Hook: Send + Sync {
    /// Decides the outcome of the operation, at this offset of its file if it has one.
    fn before(&self, process: u64, operation: Operation, offset: u64) -> Verdict;

    /// The process waits for a lock that another one holds. Called repeatedly until it gets the
    /// lock.
    fn wait(&self, process: u64);
}

/// A failure that is injected.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// What fails.
    pub operation: Operation,
    /// How many operations of this kind succeed first.
    pub after: usize,
    /// How many fail after that.
    pub times: usize,
}

/// A disk with one file on it, and the lock file beside it. Each handle to the file stands for a
/// process that has it open.
#[derive(Clone)]
pub struct CrashDisk(pub(super) Arc<Disk>);

impl std::fmt::Debug for CrashDisk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CrashDisk").finish_non_exhaustive()
    }
}

pub(super) struct Disk {
    file: MappedFile,
    pub(super) planted: Option<Bug>,
    pub(super) state: Mutex<State>,
    hook: Mutex<Option<Arc<dyn Hook>>>,
}

#[derive(Default)]
pub(super) struct State {
    events: Vec<Event>,
    len: u64,
    /// The number of the next process.
    next_process: u64,
    /// The processes that run, and how many failures each of them has had.
    alive: BTreeMap<u64, usize>,
    counts: [usize; OPERATIONS],
    fault: Option<Fault>,
    failures: usize,
    failed_syncs: u64,
    /// The next write is lost.
    loses: bool,
    /// Bytes that can no longer be read.
    spoiled: Option<std::ops::Range<u64>>,
    /// The lock file. A power cut empties it: after one, its content is not believed anyway.
    pub(super) lock_file: Vec<u8>,
    pub(super) locks: ByteLocks,
}

impl State {
    fn check_spoiled(&self, offset: u64, bytes: usize) -> io::Result<()> {
        match &self.spoiled {
            Some(spoiled) if spoiled.start < offset + bytes as u64 && offset < spoiled.end => {
                Err(io::Error::from_raw_os_error(libc::EIO))
            }
            _ => Ok(()),
        }
    }

    /// A process has ended, and its locks with it.
    fn end(&mut self, process: u64) {
        self.alive.remove(&process);
        self.locks.release_all(process);
    }
}

impl CrashDisk {
    /// A disk with an empty file. This bug is planted in databases on it.
    ///
    /// # Errors
    /// If the system has no memory.
    pub fn new(planted: Option<Bug>) -> io::Result<CrashDisk> {
        let file = MappedFile::anonymous(CAPACITY, CAPACITY)?;
        file.show(0);
        Ok(CrashDisk(Arc::new(Disk { file, planted, state: Mutex::default(), hook: Mutex::new(None) })))
    }

    /// Puts these bytes on the disk, all of them durable, and begins a new recording.
    ///
    /// # Errors
    /// If a database still has the disk open, or there are too many bytes.
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
        *state = State { len: image.len() as u64, next_process: state.next_process, ..State::default() };
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

    /// Makes operations fail.
    pub fn inject(&self, fault: Fault) {
        self.0.state.lock().fault = Some(fault);
    }

    /// How many operations have failed.
    pub fn failures(&self) -> usize {
        self.0.state.lock().failures
    }

    /// Kills all processes that have the file open: nothing that they still do has an effect. The
    /// disk keeps its power.
    pub fn end_process(&self) {
        let state = &mut *self.0.state.lock();
        for process in std::mem::take(&mut state.alive).into_keys() {
            state.end(process);
        }
    }

    /// Kills one process.
    pub fn kill(&self, process: u64) {
        self.0.state.lock().end(process);
    }

    /// Whether the process still runs.
    pub fn is_alive(&self, process: u64) -> bool {
        self.0.state.lock().alive.contains_key(&process)
    }

    /// How many operations of this process have failed.
    pub fn failures_of(&self, process: u64) -> usize {
        self.0.state.lock().alive.get(&process).copied().unwrap_or_default()
    }

    /// A counter of the locks that were taken and released.
    pub fn lock_changes(&self) -> u64 {
        self.0.state.lock().locks.changes()
    }

    /// Makes reads of these bytes fail from now on.
    pub fn spoil(&self, bytes: std::ops::Range<u64>) {
        self.0.state.lock().spoiled = Some(bytes);
    }

    /// Calls this hook before every operation of processes that share the disk.
    pub fn set_hook(&self, hook: Option<Arc<dyn Hook>>) {
        *self.0.hook.lock() = hook;
    }

    /// Starts a process, and returns its number.
    pub fn start_process(&self) -> u64 {
        let state = &mut *self.0.state.lock();
        state.next_process += 1;
        state.alive.insert(state.next_process, 0);
        state.next_process
    }

    /// The file, opened by a new process that is alone.
    pub(crate) fn storage(&self) -> Box<dyn Storage> {
        let process = self.start_process();
        Box::new(Handle { disk: Arc::clone(&self.0), process, own: None, failed_syncs: Mutex::new(0) })
    }

    /// The file, opened by a process that shares it with others.
    pub(super) fn shared_storage(&self, process: u64) -> io::Result<Box<dyn Storage>> {
        let own = self.0.file.again()?;
        let state = self.0.state.lock();
        own.show(state.len);
        let failed_syncs = Mutex::new(state.failed_syncs);
        drop(state);
        Ok(Box::new(Handle { disk: Arc::clone(&self.0), process, own: Some(own), failed_syncs }))
    }
}

impl Disk {
    /// Asks the hook for the outcome of an operation of a process that shares the disk. Nothing is
    /// locked meanwhile.
    pub(super) fn ask(&self, process: u64, operation: Operation, offset: u64) -> Verdict {
        let hook = self.hook.lock().clone();
        hook.map_or(Verdict::Pass, |hook| hook.before(process, operation, offset))
    }

    /// Runs other processes until they may have released a lock.
    pub(super) fn wait(&self, process: u64) -> io::Result<()> {
        let hook = self.hook.lock().clone();
        let Some(hook) = hook else { return Err(io::Error::from(io::ErrorKind::WouldBlock)) };
        hook.wait(process);
        Ok(())
    }

    /// Runs an operation, unless it has to fail or the process was killed. `part` does what happens
    /// of an operation that is cut off; its argument says whether a failure cut it off.
    pub(super) fn run<R>(
        &self,
        process: u64,
        operation: Operation,
        verdict: Verdict,
        pass: impl FnOnce(&mut State) -> io::Result<R>,
        part: impl FnOnce(&mut State, bool) -> io::Result<()>,
    ) -> io::Result<R> {
        let killed = || Err(io::Error::other("the process was killed"));
        let state = &mut *self.state.lock();
        if !state.alive.contains_key(&process) {
            return killed();
        }
        state.counts[operation as usize] += 1;
        match verdict {
            Verdict::Pass | Verdict::Lose => {}
            Verdict::Fail => return Err(state.fail(process, operation, part)),
            Verdict::Kill | Verdict::KillMidway => {
                if verdict == Verdict::KillMidway {
                    part(state, false)?;
                }
                state.end(process);
                return killed();
            }
        }
        if let Some(fault) = state.fault.as_mut().filter(|fault| fault.operation == operation) {
            if fault.after > 0 {
                fault.after -= 1;
            } else if fault.times > 0 {
                fault.times -= 1;
                return Err(state.fail(process, operation, part));
            }
        }
        pass(state)
    }
}

impl State {
    fn fail(
        &mut self,
        process: u64,
        operation: Operation,
        part: impl FnOnce(&mut State, bool) -> io::Result<()>,
    ) -> io::Error {
        self.failures += 1;
        if let Some(failures) = self.alive.get_mut(&process) {
            *failures += 1;
        }
        if let Err(error) = part(self, true) {
            return error;
        }
        // Every other write fails because the disk is full.
        let is_full = match operation {
            Operation::Resize => true,
            Operation::Write => self.counts[operation as usize].is_multiple_of(2),
            _ => false,
        };
        io::Error::from_raw_os_error(if is_full { libc::ENOSPC } else { libc::EIO })
    }
}

/// The disk as one process sees it.
struct Handle {
    disk: Arc<Disk>,
    process: u64,
    /// Its own mapping, if others use the disk too. What they append is not visible before it asks
    /// for the length.
    own: Option<MappedFile>,
    /// How many of the failed syncs were reported to it. The kernel reports each once per open
    /// file.
    failed_syncs: Mutex<u64>,
}

impl Handle {
    fn run<R>(
        &self,
        operation: Operation,
        offset: u64,
        pass: impl FnOnce(&mut State) -> io::Result<R>,
        part: impl FnOnce(&mut State, bool) -> io::Result<()>,
    ) -> io::Result<R> {
        let verdict = match self.own {
            Some(_) => self.disk.ask(self.process, operation, offset),
            None => Verdict::Pass,
        };
        if verdict == Verdict::Lose && operation == Operation::Write {
            self.disk.state.lock().loses = true;
        }
        self.disk.run(self.process, operation, verdict, pass, part)
    }

    fn file(&self) -> &MappedFile {
        self.own.as_ref().unwrap_or(&self.disk.file)
    }

    fn set_len(&self, state: &mut State, len: u64) {
        state.len = len;
        state.events.push(Event::Length(len));
        self.file().show(len);
    }

    fn write(&self, state: &mut State, offset: u64, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let end = offset + bytes.len() as u64;
        if end > state.len {
            if self.own.is_none() {
                return Err(io::Error::other(format!("a write at {offset}, beyond the end of the file")));
            }
            // Another process has truncated the file. Writing beyond the end makes it longer.
            state.len = end;
            state.events.push(Event::Length(end));
        }
        if std::mem::take(&mut state.loses) {
            return Ok(());
        }
        state.events.push(Event::Write { offset, bytes: bytes.into() });
        self.disk.file.write_at(offset, bytes)
    }
}

impl Storage for Handle {
    fn mapping(&self) -> &Mapping {
        self.file().mapping()
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let read = |state: &mut State| {
            if offset + into.len() as u64 > state.len {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
            }
            state.check_spoiled(offset, into.len())?;
            self.disk.file.read_at(offset, into)
        };
        self.run(Operation::Read, offset, read, |_, _| Ok(()))
    }

    fn fetch(&self, offset: u64, bytes: u64) -> io::Result<()> {
        let check = |state: &mut State| state.check_spoiled(offset, bytes as usize);
        self.run(Operation::Fetch, offset, check, |_, _| Ok(()))
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        // A process that is killed has written whole pages.
        let half = |failed| bytes.len() / 2 / if failed { 1 } else { PAGE } * if failed { 1 } else { PAGE };
        self.run(
            Operation::Write,
            offset,
            |state| self.write(state, offset, bytes),
            |state, failed| self.write(state, offset, &bytes[..half(failed)]),
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
            self.file().show(state.len);
            Ok(())
        };
        self.run(Operation::Resize, bytes, grow, |_, _| Ok(()))
    }

    fn shrink(&self, bytes: u64) -> io::Result<()> {
        let shrink = |state: &mut State| {
            if bytes < state.len {
                // Truncated bytes read as zeros when the file grows over them again.
                self.disk.file.write_at(bytes, &vec![0; (state.len - bytes) as usize])?;
                self.set_len(state, bytes);
            }
            Ok(())
        };
        self.run(Operation::Resize, bytes, shrink, |_, _| Ok(()))
    }

    fn discard(&self, offset: u64, bytes: u64) -> io::Result<()> {
        // A power cut may find any part of it done, as with a write.
        let punch = |state: &mut State| self.write(state, offset, &vec![0; bytes as usize]);
        self.run(Operation::Resize, offset, punch, |_, _| Ok(()))
    }

    fn least_discard(&self) -> u64 {
        PAGE as u64
    }

    fn refresh(&self) -> io::Result<u64> {
        let len = self.disk.state.lock().len;
        self.file().show(len);
        Ok(len)
    }

    fn sync(&self) -> io::Result<()> {
        let sync = |state: &mut State| {
            // A sync of another process has failed since. This one gets the error too.
            if self.own.is_some() && *self.failed_syncs.lock() < state.failed_syncs {
                *self.failed_syncs.lock() = state.failed_syncs;
                return Err(state.fail(self.process, Operation::Sync, |_, _| Ok(())));
            }
            state.events.push(Event::Sync);
            Ok(())
        };
        let part = |state: &mut State, failed: bool| {
            if failed {
                state.events.push(Event::FailedSync);
                state.failed_syncs += 1;
                *self.failed_syncs.lock() = state.failed_syncs;
            }
            Ok(())
        };
        self.run(Operation::Sync, 0, sync, part)
    }

    fn planted(&self) -> Option<Bug> {
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
