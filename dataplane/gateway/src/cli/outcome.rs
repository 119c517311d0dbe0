//! How a command ends: its exit code, and its errors in words.

use std::io::Write;
use std::process::ExitCode;

/// What a command reports to its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CliOutcome {
    /// Exit code 0.
    Success,
    /// Exit code 1: findings, or a configuration that is wrong.
    No,
    /// Exit code 2: it could not be done.
    Failed,
    /// The exit code of a program that was run in its own place.
    Code(u8),
}

impl From<CliOutcome> for ExitCode {
    fn from(outcome: CliOutcome) -> ExitCode {
        ExitCode::from(match outcome {
            CliOutcome::Success => 0,
            CliOutcome::No => 1,
            CliOutcome::Failed => 2,
            CliOutcome::Code(code) => code,
        })
    }
}

/// Writes a line to standard error. When that is closed (`2>&1 | head`), nobody reads it and the error is ignored.
pub(super) fn say(what: impl std::fmt::Display) {
    let _ = writeln!(std::io::stderr(), "{what}");
}

/// A failure as a person reads it: the message is complete, nothing is added.
pub(super) type CliFailure = Box<dyn std::error::Error>;

/// An `error:` line with help below it.
pub(super) fn failure(what: impl std::fmt::Display, help: &str) -> CliFailure {
    if help.is_empty() {
        format!("error: {what}").into()
    } else {
        format!("error: {what}\n  help: {help}").into()
    }
}

/// Writes to standard output. A reader that has seen enough (`rules list | head`) is no error.
pub(super) fn print(text: &str) -> Result<(), CliFailure> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(failure(error, "")),
        _ => Ok(()),
    }
}
