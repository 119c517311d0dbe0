//! What finders yield: candidates with their ranks, and how a value goes on behind what was read of it.

mod list;
pub(crate) mod rank;
mod tail;

pub(crate) use list::{Candidate, Candidates, StringQuotes, TableMemory};
pub(crate) use tail::{Cut, Tail, USERINFO};
