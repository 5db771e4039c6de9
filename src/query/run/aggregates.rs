//! The states of each aggregate function. `threads.rs` asks for them; what they do is in
//! `sums.rs`, `extremes.rs`, `ends.rs` and `distinct.rs`, and the loops are in `fold.rs`.

use super::distinct::Distinct;
use super::ends::Ends;
use super::extremes::{counts, extremes};
use super::fold::{CountRows, Fold};
use crate::query::ask::aggregate::Function;
use crate::query::plan::bound::Fn;

impl Fn {
    /// The states of a bound aggregate, for no groups yet.
    pub(in crate::query) fn fold(&self) -> Box<dyn Fold> {
        let Some(place) = &self.place else { return Box::new(CountRows::default()) };
        match self.function {
            Function::Count => counts(place),
            Function::Sum | Function::Mean => self.sums(place),
            Function::Min => extremes(place, false),
            Function::Max => extremes(place, true),
            Function::First => Ends::boxed(place, false),
            Function::Last => Ends::boxed(place, true),
            Function::CountDistinct => Distinct::boxed(place, self.is_grouped),
        }
    }
}
