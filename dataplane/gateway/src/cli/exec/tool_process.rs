//! The tool's process: started with this one's terminal, waited for, stopped and continued with it.

use std::io::ErrorKind;
use std::process::Command;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, raise};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::Pid;

use super::signals::{RelayedSignals, code_of};
use crate::cli::outcome::{failure, say};

/// The exit codes of shells for a command that is no program, and for one that is not there.
const NOT_A_PROGRAM: u8 = 126;
const NOT_FOUND: u8 = 127;
/// The exit code when the tool cannot be waited for.
const LOST: u8 = 125;

/// Runs the tool to its end; gives its exit code.
pub(super) fn run(mut command: Command, signals: &RelayedSignals) -> u8 {
    let name = command.get_program().display().to_string();
    let child = match command.spawn() {
        Ok(child) => child,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            say(failure(format!("{name}: there is no such program"), "is it installed, and on the PATH?"));
            return NOT_FOUND;
        }
        Err(error) => {
            say(failure(format!("{name}: cannot be run: {error}"), ""));
            return NOT_A_PROGRAM;
        }
    };
    let tool = Pid::from_raw(child.id().cast_signed());
    signals.hand_on_to(tool);
    wait(tool, signals).unwrap_or_else(|error| {
        say(failure(format!("{name}: cannot be waited for: {error}"), ""));
        LOST
    })
}

fn wait(tool: Pid, signals: &RelayedSignals) -> Result<u8, Errno> {
    let changes = WaitPidFlag::WEXITED | WaitPidFlag::WSTOPPED;
    loop {
        // Only looked at: as long as the tool is not taken from the system's list, its number is its own.
        match waitid(Id::Pid(tool), changes | WaitPidFlag::WNOWAIT) {
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error),
            Ok(WaitStatus::Stopped(..)) => {
                waitid(Id::Pid(tool), WaitPidFlag::WSTOPPED | WaitPidFlag::WNOHANG)?;
                stop_with(tool);
            }
            Ok(WaitStatus::Exited(_, code)) => {
                signals.end();
                waitpid(tool, None)?;
                return Ok(u8::try_from(code & 0xff).unwrap_or(u8::MAX));
            }
            Ok(WaitStatus::Signaled(_, signal, _)) => {
                signals.end();
                waitpid(tool, None)?;
                return Ok(code_of(signal));
            }
            Ok(_) => {}
        }
    }
}

/// Stops this process as the tool has stopped itself, so that the shell takes the terminal back; then both go on.
fn stop_with(tool: Pid) {
    let _ = raise(Signal::SIGSTOP);
    let _ = kill(tool, Signal::SIGCONT);
}
