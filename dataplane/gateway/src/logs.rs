//! The program's own log, on standard error: for people or as JSON. Never bodies, never header values.
//!
//! Who logs never waits: lines go into a bounded queue, which a thread of its own writes. What does not fit while
//! standard error takes nothing is dropped and counted.

mod queue;

use std::io::IsTerminal;
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

use crate::config::settings::{Log, LogFormat};
use crate::log_lines::JsonLogFormat;
use crate::shared_pipe::StandardStream;
use queue::LineQueue;

/// The lines of this process that wait to be written.
static LINES: OnceLock<LineQueue> = OnceLock::new();

/// Whether lines are coloured: on a terminal, unless `NO_COLOR` says no (<https://no-color.org>).
fn is_coloured() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Starts the log. Once per process; the error is for people.
pub fn start(log: &Log) -> Result<(), String> {
    let filter: Targets = log.level.parse().map_err(|error| format!("log.level: {error}"))?;
    let (queue, lines) = LineQueue::new();
    let stderr = StandardStream::error().map_err(|error| format!("cannot use standard error: {error}"))?;
    thread::Builder::new()
        .name("aegis-log".to_owned())
        .spawn(move || lines.write_all(stderr))
        .map_err(|error| format!("cannot start the thread of the log: {error}"))?;
    let queue = LINES.get_or_init(|| queue);
    let layer = fmt::layer().with_writer(move || queue.clone());
    let layer = match log.format {
        LogFormat::Json => layer.event_format(JsonLogFormat).boxed(),
        LogFormat::Text => layer.with_ansi(is_coloured()).with_target(false).boxed(),
    };
    tracing_subscriber::registry()
        .with(layer.with_filter(filter))
        .try_init()
        .map_err(|error| error.to_string())?;
    report_panics();
    Ok(())
}

/// Has panics reported in the log. The standard hook would write to standard error itself, and keep a shard waiting with
/// it; and the message of a panic may quote what was being worked on, so only its place is logged.
fn report_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let thread = thread::current();
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(
            thread = thread.name().unwrap_or("unnamed"),
            place,
            "a fault of the gateway: a panic"
        );
    }));
}

/// Lines that were dropped since the start, because standard error took nothing or failed.
pub fn dropped_lines() -> u64 {
    LINES.get().map_or(0, LineQueue::dropped)
}

/// Waits until every line so far is written or dropped, at most `limit`.
pub fn flush(limit: Duration) {
    if let Some(lines) = LINES.get() {
        lines.flush(limit);
    }
}
