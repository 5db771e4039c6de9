//! SQL over Drystone tables, on one node and on many.

mod cases;
mod data;
mod filters;
mod plans;
mod spike;
mod statements;
