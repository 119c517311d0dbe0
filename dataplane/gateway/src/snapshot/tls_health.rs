//! What went wrong last with TLS towards an upstream, shared by all shards: each cause is said once, not per request.

use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

use aegis_wire::tls::TlsFailure;

/// Nothing went wrong.
const SOUND: u8 = 0;

/// The cause of the last failure, until a reply comes.
#[derive(Debug, Default)]
pub struct TlsHealth(AtomicU8);

impl TlsHealth {
    /// Notes a failure. If its cause is another than that of the last one, `say` says so; when it could not, the next
    /// failure is news again.
    pub fn fail(&self, cause: TlsFailure, say: impl FnOnce() -> bool) {
        let number = cause as u8 + 1;
        let before = self.0.swap(number, Relaxed);
        if before != number && !say() {
            self.0.store(before, Relaxed);
        }
    }

    /// Notes that a reply came; whether there was a failure before.
    #[inline]
    pub fn recover(&self) -> bool {
        self.0.load(Relaxed) != SOUND && self.0.swap(SOUND, Relaxed) != SOUND
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_said_once_and_again_after_it_changed() {
        let health = TlsHealth::default();
        let mut said = Vec::new();
        let mut fail = |cause, can_be_said: bool| {
            health.fail(cause, || {
                said.push((cause, can_be_said));
                can_be_said
            });
        };
        fail(TlsFailure::Expired, true);
        fail(TlsFailure::Expired, true);
        fail(TlsFailure::WrongName, false);
        fail(TlsFailure::WrongName, true);
        fail(TlsFailure::Expired, true);
        assert!(health.recover() && !health.recover());
        health.fail(TlsFailure::Expired, || {
            said.push((TlsFailure::Expired, true));
            true
        });
        let expected = [
            (TlsFailure::Expired, true),
            (TlsFailure::WrongName, false),
            (TlsFailure::WrongName, true),
            (TlsFailure::Expired, true),
            (TlsFailure::Expired, true),
        ];
        assert_eq!(said, expected);
    }
}
