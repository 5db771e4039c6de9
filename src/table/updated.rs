//! What the closure given to `update` may return.

use crate::error::{Error, Result};

/// What a closure that changes a row returns: nothing, or a [`Result`](crate::Result). After an
/// error the row is unchanged. Sealed.
#[diagnostic::on_unimplemented(
    message = "the closure of `update` returns `()` or `drystone::Result`, not `{Self}`",
    note = "to return a value, end the closure with `Ok(value)`"
)]
pub trait Updated: sealed::Sealed {
    /// What `update` returns.
    type Value;

    /// Whether the closure can return an error.
    #[doc(hidden)]
    const CAN_FAIL: bool;

    /// The value of a change that succeeded, or its error.
    ///
    /// # Errors
    /// The closure's own.
    fn into_result(self) -> Result<Self::Value>;
}

impl Updated for () {
    type Value = ();
    const CAN_FAIL: bool = false;

    fn into_result(self) -> Result<()> {
        Ok(())
    }
}

impl<V> Updated for Result<V, Error> {
    type Value = V;
    const CAN_FAIL: bool = true;

    fn into_result(self) -> Result<V> {
        self
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for () {}
    impl<V> Sealed for crate::error::Result<V> {}
}
