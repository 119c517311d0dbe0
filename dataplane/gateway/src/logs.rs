//! The program's own log, on standard error: for people or as JSON. Never bodies, never header values.

use std::io::IsTerminal;

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

use crate::config::settings::{Log, LogFormat};
use crate::log_lines::JsonLines;

/// Whether lines are coloured: on a terminal, unless `NO_COLOR` says no (<https://no-color.org>).
fn is_coloured() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Starts the log. Once per process; the error is for people.
pub fn start(log: &Log) -> Result<(), String> {
    let filter: Targets = log.level.parse().map_err(|error| format!("log.level: {error}"))?;
    let lines = fmt::layer().with_writer(std::io::stderr);
    let layer = match log.format {
        LogFormat::Json => lines.event_format(JsonLines).boxed(),
        LogFormat::Text => lines.with_ansi(is_coloured()).with_target(false).boxed(),
    };
    tracing_subscriber::registry()
        .with(layer.with_filter(filter))
        .try_init()
        .map_err(|error| error.to_string())
}
