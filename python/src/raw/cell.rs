//! A value that only code that holds the GIL touches.

use std::cell::{Cell, UnsafeCell};

use pyo3::prelude::*;

/// A value that only code that holds the GIL touches.
pub(crate) struct GilCell<T> {
    value: UnsafeCell<T>,
    is_used: Cell<bool>,
}

// SAFETY: `with` asks for proof that the GIL is held, so one thread at a time is inside.
unsafe impl<T: Send> Sync for GilCell<T> {}

impl<T> GilCell<T> {
    pub(crate) const fn new(value: T) -> GilCell<T> {
        GilCell { value: UnsafeCell::new(value), is_used: Cell::new(false) }
    }

    /// Runs `use_it` on the value. It must not run Python code: that could come here again.
    #[inline(always)]
    pub(crate) fn with<A>(&self, _: Python<'_>, use_it: impl FnOnce(&mut T) -> A) -> A {
        struct InUse<'c>(&'c Cell<bool>);
        impl Drop for InUse<'_> {
            fn drop(&mut self) {
                self.0.set(false);
            }
        }
        assert!(!self.is_used.replace(true), "a table was used in the middle of a call of its own");
        let _in_use = InUse(&self.is_used);
        // SAFETY: the flag says that there is no other reference, and the GIL keeps other
        // threads out.
        use_it(unsafe { &mut *self.value.get() })
    }
}
