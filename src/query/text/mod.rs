//! The text of queries, read into what they ask. Only this room knows how the language is read.

pub(super) mod parse;
pub(super) mod token;
