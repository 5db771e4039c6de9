//! Two values that the borrow checker cannot follow: a `Lease`, lent to one handle at a time, which
//! its owner can take back (tables of a write transaction), and `WithOwner`, a value kept with its
//! owner (a table with its snapshot). Unsafe code. Knows nothing of tables.

use std::cell::UnsafeCell;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A value that is lent to one [`Held`] at a time.
///
/// Unlike a mutex guard, dropping a [`Held`] does not touch the value. So the owner can use the
/// value again by [`get_mut`](Lease::get_mut) as soon as the lease is no longer borrowed, even if a
/// handle was not dropped yet or was forgotten.
pub(crate) struct Lease<T> {
    value: UnsafeCell<T>,
    /// Whether a `Held` has the value. It outlives the lease, for handles that are dropped later.
    is_lent: Arc<AtomicBool>,
}

// SAFETY: through a shared lease, only the one `Held` reaches the value, as if it had been sent to
// that thread.
unsafe impl<T: Send> Sync for Lease<T> {}

impl<T> Lease<T> {
    pub(crate) fn new(value: T) -> Lease<T> {
        Lease { value: UnsafeCell::new(value), is_lent: Arc::default() }
    }

    /// Lends the value; `None` while another `Held` has it.
    pub(crate) fn lend(&self) -> Option<Held<'_, T>> {
        // Acquire: sees all that the last holder did to the value.
        if self.is_lent.swap(true, Ordering::Acquire) {
            return None;
        }
        // Never null: it points to a field.
        let value = NonNull::new(self.value.get())?;
        let returned = Returned(Arc::clone(&self.is_lent));
        Some(Held { value, lease: PhantomData, _returned: returned })
    }

    /// The value, even if a `Held` was never dropped: it would borrow the lease, so it cannot be
    /// used any more.
    pub(crate) fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }
}

/// Exclusive access to the value of a [`Lease`].
///
/// # Invariants
/// - `value` is valid for `'l`, and nothing else reaches it before `_returned` is dropped.
/// - Nothing that runs when this is dropped reaches `value`: it may no longer exist.
pub(crate) struct Held<'l, T> {
    value: NonNull<T>,
    lease: PhantomData<&'l mut T>,
    _returned: Returned,
}

// SAFETY: a `Held` is an exclusive reference to the value and a flag that any thread may set.
unsafe impl<T: Send> Send for Held<'_, T> {}
// SAFETY: a shared `Held` gives shared references to the value.
unsafe impl<T: Sync> Sync for Held<'_, T> {}

impl<T> Deref for Held<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: a reference to this lives within `'l`, in which the lease is borrowed: it is
        // neither dropped nor used by `get_mut`. No other `Held` exists, and this one is borrowed
        // shared.
        unsafe { self.value.as_ref() }
    }
}

impl<T> DerefMut for Held<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`, and this one is borrowed exclusively.
        unsafe { self.value.as_mut() }
    }
}

/// Marks the value as not lent when it is dropped. It has no lifetime, so the
/// owner of the lease can move or drop it while a `Held` is still to be dropped.
struct Returned(Arc<AtomicBool>);

impl Drop for Returned {
    fn drop(&mut self) {
        // Release: the next holder sees all that this one did to the value.
        self.0.store(false, Ordering::Release);
    }
}

/// A type with a lifetime `'a` that can be shortened, and can be copied.
pub(crate) trait Borrowing: 'static {
    type Of<'a>: Copy;

    /// The same value with a shorter lifetime. The body is `value`; it compiles only if that is
    /// sound.
    fn shorten<'a>(value: Self::Of<'static>) -> Self::Of<'a>;
}

/// A value together with the owner that it borrows from.
///
/// # Invariants
/// - `value` was made from a reference to the target of `owner`, which does not move until it is
///   dropped.
/// - The `'static` in the type of `value` never leaves this struct: see [`get`](WithOwner::get).
pub(crate) struct WithOwner<B: Borrowing, O> {
    value: B::Of<'static>,
    owner: Arc<O>,
}

impl<B: Borrowing, O: 'static> WithOwner<B, O> {
    /// Makes the value by `borrow`. That works for any lifetime, so the value borrows from nothing
    /// else.
    pub(crate) fn new<E>(
        owner: Arc<O>,
        borrow: impl for<'a> FnOnce(&'a O) -> Result<B::Of<'a>, E>,
    ) -> Result<WithOwner<B, O>, E> {
        // SAFETY: what an `Arc` points at neither moves nor goes while the `Arc` lives, which it
        // does as long as the value made here: both are in one struct, whose value is `Copy` and so
        // is not used when it is dropped. The reference, and what is made of it, leaves this struct
        // only by `get`, with its lifetime.
        let forever: &'static O = unsafe { &*Arc::as_ptr(&owner) };
        Ok(WithOwner { value: borrow(forever)?, owner })
    }

    /// The value, for as long as this is borrowed.
    #[inline(always)]
    pub(crate) fn get(&self) -> B::Of<'_> {
        B::shorten(self.value)
    }

    pub(crate) fn owner(&self) -> &Arc<O> {
        &self.owner
    }
}

impl<B: Borrowing, O> Clone for WithOwner<B, O> {
    fn clone(&self) -> Self {
        WithOwner { value: self.value, owner: Arc::clone(&self.owner) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_and_the_owner_when_the_borrow_is_over() {
        let mut lease = Lease::new(String::from("a"));
        let mut first = lease.lend().unwrap();
        assert!(lease.lend().is_none());
        first.push('b');
        drop(first);
        let mut second = lease.lend().unwrap();
        second.push('c');
        // `second` is dropped after this line, and after the lease.
        lease.get_mut().push('d');
        assert!(lease.lend().is_none(), "a handle that was not dropped still counts as lent");
        assert_eq!(lease.get_mut(), "abcd");
        drop(lease);
    }

    #[test]
    fn a_handle_that_was_forgotten_keeps_others_out_but_not_the_owner() {
        let mut lease = Lease::new(1);
        std::mem::forget(lease.lend());
        assert!(lease.lend().is_none());
        *lease.get_mut() += 1;
        assert_eq!(*lease.get_mut(), 2);
    }

    #[test]
    fn threads_take_turns() {
        let mut lease = Lease::new(0_u64);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..1000 {
                        loop {
                            let Some(mut held) = lease.lend() else { continue };
                            *held += 1;
                            break;
                        }
                    }
                });
            }
        });
        assert_eq!(*lease.get_mut(), 4000);
    }
}
