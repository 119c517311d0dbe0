//! What went wrong last with TLS towards an upstream, shared by all shards: each cause is said once, not per request.
//!
//! An upstream that fails and works by turns, such as one with a wrong certificate at one of its addresses, would still be
//! said per request. So each upstream has a pause of its own, one for failures and one for recoveries: another
//! upstream's faults take no line from it, and what could not be said yet is news again at the next request.

use std::sync::atomic::{AtomicU8, AtomicU32, Ordering::Relaxed};

use aegis_wire::tls::TlsFailure;

use crate::events::REMARK_PAUSE;

/// Nothing went wrong.
const SOUND: u8 = 0;

/// The cause of the last failure, until a reply comes.
#[derive(Debug, Default)]
pub struct TlsHealth {
    cause: AtomicU8,
    failures: ReportInterval,
    recoveries: ReportInterval,
}

impl TlsHealth {
    /// Notes a failure at tick `now`. If its cause is another than that of the last one, `say` says so; when it could
    /// not, the next failure is news again.
    pub fn fail(&self, cause: TlsFailure, now: u32, say: impl FnOnce() -> bool) {
        self.change(cause as u8 + 1, &self.failures, now, say);
    }

    /// Notes that a reply came on a new connection at tick `now`. If there was a failure before, `say` says that it is over; when it could
    /// not, the next reply is news again.
    #[inline]
    pub fn recover(&self, now: u32, say: impl FnOnce() -> bool) {
        if self.cause.load(Relaxed) != SOUND {
            self.change(SOUND, &self.recoveries, now, say);
        }
    }

    fn change(&self, to: u8, pause: &ReportInterval, now: u32, say: impl FnOnce() -> bool) {
        if self.cause.load(Relaxed) == to || !pause.is_over(now) {
            return;
        }
        let before = self.cause.swap(to, Relaxed);
        if before == to {
            return;
        }
        if say() {
            pause.begin(now);
        } else {
            self.cause.store(before, Relaxed);
        }
    }
}

/// The tick at which something was said last.
#[derive(Debug)]
struct ReportInterval(AtomicU32);

/// No tick: nothing was said yet.
const NEVER: u32 = u32::MAX;

impl Default for ReportInterval {
    fn default() -> Self {
        Self(AtomicU32::new(NEVER))
    }
}

impl ReportInterval {
    /// Whether something may be said again. The clocks of shards differ by the time between their starts, either way.
    fn is_over(&self, now: u32) -> bool {
        let said = self.0.load(Relaxed);
        said == NEVER || said.abs_diff(now) >= REMARK_PAUSE
    }

    fn begin(&self, now: u32) {
        self.0.store(now, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A health and what was said of it; `None` is a recovery.
    #[derive(Default)]
    struct Recorder {
        health: TlsHealth,
        said: Vec<(u32, Option<TlsFailure>)>,
    }

    impl Recorder {
        fn fail(&mut self, cause: TlsFailure, now: u32, has_room: bool) {
            let said = &mut self.said;
            self.health.fail(cause, now, || {
                said.extend(has_room.then_some((now, Some(cause))));
                has_room
            });
        }

        fn recover(&mut self, now: u32, has_room: bool) {
            let said = &mut self.said;
            self.health.recover(now, || {
                said.extend(has_room.then_some((now, None)));
                has_room
            });
        }
    }

    #[test]
    fn a_cause_is_said_once_and_again_after_it_changed() {
        let mut recorder = Recorder::default();
        let (expired, name) = (TlsFailure::Expired, TlsFailure::WrongName);
        recorder.recover(0, true);
        recorder.fail(expired, 0, true);
        recorder.fail(expired, 100, true);
        recorder.fail(name, 200, false);
        recorder.fail(name, 200, true);
        recorder.fail(expired, 300, true);
        recorder.recover(300, false);
        recorder.recover(300, true);
        recorder.recover(400, true);
        recorder.fail(expired, 400, true);
        let expected =
            [(0, Some(expired)), (200, Some(name)), (300, Some(expired)), (300, None), (400, Some(expired))];
        assert_eq!(recorder.said, expected);
    }

    #[test]
    fn an_upstream_that_fails_and_works_by_turns_is_said_with_pauses() {
        let mut recorder = Recorder::default();
        let cause = TlsFailure::NotTls;
        for now in 0..=REMARK_PAUSE {
            recorder.fail(cause, now, true);
            recorder.recover(now, true);
        }
        let expected = [(0, Some(cause)), (0, None), (REMARK_PAUSE, Some(cause)), (REMARK_PAUSE, None)];
        assert_eq!(recorder.said, expected);
    }
}
