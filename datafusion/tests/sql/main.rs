//! SQL over Drystone tables, on one node and on many.

mod cases;
mod cluster;
mod command;
mod data;
mod filters;
mod plans;
mod statements;
