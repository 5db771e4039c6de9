//! What happens to open files when the process forks. Unsafe code: handlers that the C library
//! calls.

use std::io;
use std::sync::Once;
use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicU64, Ordering};

/// The process that opened a file. After a fork the child's copy of it belongs to the parent, and
/// must not be used.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Process(u64);

/// The number of forks between the first process and this one.
static FORKS: AtomicU64 = AtomicU64::new(0);
/// Forks of this process that have begun, and that have ended.
static FORKS_BEGUN: AtomicU64 = AtomicU64::new(0);
static FORKS_ENDED: AtomicU64 = AtomicU64::new(0);

/// How many forks of this process have begun; `None` while one is in progress.
pub(super) fn forks() -> Option<u64> {
    let begun = FORKS_BEGUN.load(Ordering::SeqCst);
    (begun == FORKS_ENDED.load(Ordering::SeqCst)).then_some(begun)
}

impl Process {
    /// The process that runs.
    pub(crate) fn this() -> Process {
        static WATCH: Once = Once::new();
        extern "C" fn before() {
            FORKS_BEGUN.fetch_add(1, Ordering::SeqCst);
        }
        extern "C" fn in_parent() {
            FORKS_ENDED.fetch_add(1, Ordering::SeqCst);
        }
        extern "C" fn in_child() {
            FORKS.fetch_add(1, Ordering::Relaxed);
            // Threads of the parent that may have been forking do not exist here.
            FORKS_ENDED.store(FORKS_BEGUN.load(Ordering::SeqCst), Ordering::SeqCst);
            detach_own_files();
        }
        WATCH.call_once(|| {
            // SAFETY: the handlers are async-signal-safe (atomics and system calls). Their code is
            // not unloaded before them: the C library drops the handlers of a library that is
            // unloaded.
            unsafe { libc::pthread_atfork(Some(before), Some(in_parent), Some(in_child)) };
        });
        Process(FORKS.load(Ordering::Relaxed))
    }

    pub(super) fn check(self) -> io::Result<()> {
        if self == Process::this() { Ok(()) } else { Err(io::Error::other("opened before a fork")) }
    }
}

/// A value that each process has for itself. A child of a fork gets a new one, so that it never
/// waits for a lock that a thread of its parent held at the fork: that thread does not exist in the
/// child.
pub(crate) struct PerProcess<T: 'static>(AtomicPtr<Owned<T>>);

struct Owned<T> {
    process: Process,
    value: T,
}

impl<T: Default> PerProcess<T> {
    pub(crate) const fn new() -> PerProcess<T> {
        PerProcess(AtomicPtr::new(std::ptr::null_mut()))
    }

    /// The value of this process. It takes no lock.
    pub(crate) fn get(&self) -> &'static T {
        let this = Process::this();
        loop {
            let found = self.0.load(Ordering::SeqCst);
            // SAFETY: null, or a value that was leaked, so it lives forever and is only shared.
            if let Some(owned) = unsafe { found.as_ref() }
                && owned.process == this
            {
                return &owned.value;
            }
            // Never freed: a process has one, or a few if threads come here at the same time.
            let new = Box::leak(Box::new(Owned { process: this, value: T::default() }));
            let _ = self.0.compare_exchange(found, new, Ordering::SeqCst, Ordering::SeqCst);
        }
    }
}

/// A place for a descriptor. Places are never freed, so that the child of a fork can walk them
/// without a lock.
pub(super) struct Entry {
    descriptor: AtomicI32,
    next: Option<&'static Entry>,
}

const NO_DESCRIPTOR: i32 = -1;
static ENTRIES: AtomicPtr<Entry> = AtomicPtr::new(std::ptr::null_mut());

impl Entry {
    /// The file with this descriptor is about to be closed.
    pub(super) fn clear(&self) {
        self.descriptor.store(NO_DESCRIPTOR, Ordering::SeqCst);
    }

    fn all() -> impl Iterator<Item = &'static Entry> {
        let last = ENTRIES.load(Ordering::SeqCst);
        // SAFETY: null, or an entry that was leaked, so it lives forever and is only shared.
        std::iter::successors(unsafe { last.as_ref() }, |entry| entry.next)
    }

    /// A free place, or a new one, with this descriptor. It takes no lock, because a forked child
    /// might find the lock taken.
    pub(super) fn take(descriptor: i32) -> &'static Entry {
        let set = |entry: &&Entry| {
            let place = &entry.descriptor;
            place.compare_exchange(NO_DESCRIPTOR, descriptor, Ordering::SeqCst, Ordering::SeqCst).is_ok()
        };
        if let Some(entry) = Entry::all().find(set) {
            return entry;
        }
        let entry = Box::leak(Box::new(Entry { descriptor: AtomicI32::new(descriptor), next: None }));
        loop {
            entry.next = Entry::all().next();
            let last = entry.next.map_or(std::ptr::null_mut(), |next| std::ptr::from_ref(next).cast_mut());
            let place = std::ptr::from_mut(entry);
            if ENTRIES.compare_exchange(last, place, Ordering::SeqCst, Ordering::SeqCst).is_ok() {
                // SAFETY: the entry was leaked, and is only shared from now on.
                return unsafe { &*place };
            }
        }
    }
}

/// In the child of a fork: points the descriptors of the parent's files at an empty file in memory,
/// so that the locks end with the parent. The descriptors are not just closed, because their owners
/// here close them again later, and by then the numbers may belong to other files. It makes only
/// calls that are async-signal-safe: no allocation, no lock.
fn detach_own_files() {
    let mut empty = NO_DESCRIPTOR;
    for entry in Entry::all() {
        let descriptor = entry.descriptor.swap(NO_DESCRIPTOR, Ordering::SeqCst);
        if descriptor == NO_DESCRIPTOR {
            continue;
        }
        if empty == NO_DESCRIPTOR {
            // Close one first: the process may have as many files open as it is allowed. SAFETY:
            // the descriptor belongs to an `OwnFile`, which gets another file under its number
            // below.
            unsafe { libc::close(descriptor) };
            // SAFETY: the name is a NUL-terminated string; the call has no other precondition.
            empty = unsafe { libc::memfd_create(c"forked".as_ptr(), libc::MFD_CLOEXEC) };
            if empty == descriptor {
                continue;
            }
        }
        // SAFETY: takes numbers only; the owner of `descriptor` keeps an open file under that
        // number.
        unsafe { libc::dup3(empty, descriptor, libc::O_CLOEXEC) };
    }
}
