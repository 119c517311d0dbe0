//! What commands print, and how they end.

use std::io::Write as _;

/// How a command ended that did what it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// As it should.
    Done,
    /// The answer is no.
    No,
}

/// A command could not do what it was asked: the text is for people.
#[derive(Debug)]
pub(super) struct Failure(pub(super) String);

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Failure {
        Failure(error.to_string())
    }
}

/// Prints a line. A reader that left early is no failure.
pub(super) fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Prints what went wrong.
pub(super) fn complain(what: &str) {
    let what = if what.starts_with("error: ") || what.starts_with("warning: ") {
        what.to_owned()
    } else {
        format!("error: {what}")
    };
    let _ = writeln!(std::io::stderr(), "{what}");
}
