//! What is new in a repository: since a revision, staged for the next commit, or in each commit.

mod history;
mod patch;
mod repository;
mod since;
mod staged;

pub(super) use history::CommitHistory;
pub(super) use repository::from_here;
pub(super) use since::changes;
pub(super) use staged::staged;
