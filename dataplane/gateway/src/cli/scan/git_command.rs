//! How git is run: with its own configuration, worktrees and repository formats, and with nothing that a repository can
//! configure to be run: no external diffs, text converters or file system monitors.

use std::path::Path;
use std::process::{Command, Stdio};

/// A call of git in `folder`, to be completed by a subcommand.
pub(super) fn git(folder: &Path) -> Command {
    let mut command = Command::new("git");
    command
        .args(["--no-optional-locks", "--literal-pathspecs", "-c", "core.fsmonitor=false"])
        .args(["-c", "core.quotePath=true", "-c", "log.showRoot=true", "-c", "log.showSignature=false", "-C"])
        .arg(folder)
        .env("LC_ALL", "C")
        // It would add lines of context.
        .env_remove("GIT_DIFF_OPTS")
        .stdin(Stdio::null());
    command
}
