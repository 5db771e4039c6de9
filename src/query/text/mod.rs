//! The text of queries, parsed into the types of `ask`. Only this room knows the grammar.

pub(super) mod parse;
pub(super) mod token;
