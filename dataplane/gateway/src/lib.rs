//! The gateway: keeps secrets away from AI providers.
//!
//! Shards ([`lifecycle::ShardContext`]) move traffic, each on its own CPU, and touch nothing but immutable snapshots,
//! their own counters, their own end of a ring, and the tables of sessions and of clients, which need no lock. A few more
//! threads ([`control`]) do all the rest: configuration, names, reload, logs, audit, the admin listener. Either may
//! stall without slowing a request.

#![forbid(unsafe_code)]

pub mod auth;
pub mod browser;
pub mod cli;
pub mod clock;
pub mod config;
pub mod control;
pub mod descriptors;
pub mod error_body;
pub mod events;
pub mod hex;
pub mod instance;
pub mod known_values_file;
pub mod lifecycle;
pub mod links;
pub mod listeners;
mod log_lines;
pub mod logs;
pub mod metrics;
pub mod os;
pub mod preview;
mod recall;
pub mod refusal;
pub mod route;
pub mod rule_cache;
pub mod shard;
mod shared_pipe;
mod shared_table;
pub mod snapshot;
pub mod state_dir;
pub mod state_lock;
pub mod takeover;
mod waiting;
pub mod web_origin;
