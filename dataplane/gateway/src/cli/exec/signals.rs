//! Signals on their way to the tool.
//!
//! What the terminal sends (Ctrl-C) reaches the tool by itself, since it is in the same group; handing it on would
//! press the key twice. What another process sends is meant for the tool, and is handed on.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use signal_hook::iterator::SignalsInfo;
use signal_hook::iterator::exfiltrator::WithOrigin;

use crate::os;

/// The signals that are caught, and handed on unless they come from the terminal.
const CAUGHT: [Signal; 6] =
    [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM, Signal::SIGUSR1, Signal::SIGUSR2];

/// What becomes of a signal.
#[derive(Debug, Clone, Copy)]
enum SignalTarget {
    /// There is no tool yet; the first signal is kept, and ends the command.
    None(Option<Signal>),
    /// The tool.
    Tool(Pid),
    /// The tool has ended.
    Ended,
}

/// The signals of this process from now on.
#[derive(Debug, Clone)]
pub(super) struct RelayedSignals(Arc<Mutex<SignalTarget>>);

impl RelayedSignals {
    /// Catches the signals, but for those that this process was started to ignore: `nohup` holds for the tool.
    pub(super) fn catch() -> io::Result<Self> {
        let caught = CAUGHT.into_iter().filter(|signal| !os::is_ignored(*signal));
        let mut incoming = SignalsInfo::<WithOrigin>::new(caught.map(|signal| signal as i32))?;
        let signals = Self(Arc::new(Mutex::new(SignalTarget::None(None))));
        let target = signals.clone();
        std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
            for origin in &mut incoming {
                if let Ok(signal) = Signal::try_from(origin.signal) {
                    target.take(signal, origin.process.is_some());
                }
            }
        })?;
        Ok(signals)
    }

    fn take(&self, signal: Signal, is_from_process: bool) {
        // Held while the signal is sent: the tool's number must not become another process's meanwhile.
        let mut target = self.target();
        match *target {
            SignalTarget::None(None) => *target = SignalTarget::None(Some(signal)),
            SignalTarget::Tool(pid) if is_from_process => {
                let _ = kill(pid, signal);
            }
            SignalTarget::None(Some(_)) | SignalTarget::Tool(_) | SignalTarget::Ended => {}
        }
    }

    fn target(&self) -> MutexGuard<'_, SignalTarget> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The signal that came before there was a tool.
    pub(super) fn early(&self) -> Option<Signal> {
        if let SignalTarget::None(signal) = *self.target() { signal } else { None }
    }

    /// The exit code that says so.
    pub(super) fn early_code(&self) -> u8 {
        self.early().map_or(0, code_of)
    }

    /// Hands signals on to the tool, from one that came already.
    pub(super) fn hand_on_to(&self, tool: Pid) {
        let mut target = self.target();
        if let SignalTarget::None(Some(signal)) = *target {
            let _ = kill(tool, signal);
        }
        *target = SignalTarget::Tool(tool);
    }

    /// Hands nothing on any more: the tool has ended, or there will be none.
    pub(super) fn end(&self) {
        *self.target() = SignalTarget::Ended;
    }
}

/// The exit code of a program that a signal has ended, as shells have it.
pub(super) fn code_of(signal: Signal) -> u8 {
    128_u8.saturating_add(u8::try_from(signal as i32).unwrap_or(u8::MAX))
}
