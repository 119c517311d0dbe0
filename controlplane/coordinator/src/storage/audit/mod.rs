//! The audit log: events in streams, each a chain of hashes, numbered in their organisation in the order they were
//! committed.

mod chain;
mod filter;
mod ingest;
mod query;
mod query_text;
mod streams;

pub use chain::{Checkpoint, Verdict, add_checkpoint, checkpoints, link, start_of_chain, verify};
pub use filter::{Filter, Order};
pub use ingest::{Batch, Ingested, MAX_BATCH_EVENTS, ingest};
pub use query::{Event, MAX_PAGE_EVENTS, Page, page, set_retention};
pub use streams::{StreamHead, end_stream, open_stream, streams};
