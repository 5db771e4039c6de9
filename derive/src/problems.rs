//! Collects mistakes, so that the compiler shows all of them and not only the first.

use syn::{Error, Result};

/// The mistakes so far, as one error.
#[derive(Default)]
pub(crate) struct Problems(Option<Error>);

impl Problems {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    pub(crate) fn push(&mut self, problem: Error) {
        match &mut self.0 {
            Some(problems) => problems.combine(problem),
            None => self.0 = Some(problem),
        }
    }

    /// The value, or `None` after its mistake was collected.
    pub(crate) fn take<T>(&mut self, result: Result<T>) -> Option<T> {
        result.map_err(|problem| self.push(problem)).ok()
    }

    /// The value, unless there was a mistake.
    pub(crate) fn into_result<T>(self, value: T) -> Result<T> {
        self.0.map_or(Ok(value), Err)
    }
}
