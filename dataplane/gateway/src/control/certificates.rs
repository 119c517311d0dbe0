//! Says in the log when a certificate of the gateway's own ends soon or is not valid: at the start, after a reload, when its
//! state changes, and every day.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aegis_settings::ProblemSeverity;

use super::shared::Shared;
use crate::snapshot::certificates::{CertificateState, OwnCertificate, problems};

/// How often it is looked for other certificates, and for what became of them.
const STEP: Duration = Duration::from_secs(1);
/// Time between two remarks about the same state of the same certificates.
const REMIND: Duration = Duration::from_secs(24 * 60 * 60);

/// Watches the certificates of the published snapshot, for ever.
pub(super) async fn watch(shared: Arc<Shared>) {
    let mut said = None;
    loop {
        let snapshot = shared.snapshots.load();
        let now = Said::at(SystemTime::now(), snapshot.generation, &snapshot.certificates);
        if now.is_news_after(said.as_ref()) {
            log_expiry(&snapshot.certificates);
            said = Some(now);
        }
        drop(snapshot);
        tokio::time::sleep(STEP).await;
    }
}

/// What is said of certificates.
struct Said {
    at: SystemTime,
    generation: u64,
    states: Vec<CertificateState>,
}

impl Said {
    /// What there is to say of the `certificates` of a `generation` at this time.
    fn at(at: SystemTime, generation: u64, certificates: &[OwnCertificate]) -> Said {
        let states = certificates.iter().map(|certificate| certificate.state(at)).collect();
        Said { at, generation, states }
    }

    /// Whether it is to be said when `before` was said last.
    fn is_news_after(&self, before: Option<&Said>) -> bool {
        before.is_none_or(|before| {
            self.generation != before.generation
                || self.states != before.states
                || self.at.duration_since(before.at).is_ok_and(|since| since >= REMIND)
        })
    }
}

fn log_expiry(certificates: &[OwnCertificate]) {
    for problem in problems(certificates, SystemTime::now()) {
        let (certificate, what) = (&problem.key, &problem.what);
        match problem.severity {
            ProblemSeverity::Error => tracing::error!(certificate, "{what}: clients or upstreams refuse it"),
            ProblemSeverity::Warning => tracing::warn!(certificate, "{what}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use aegis_wire::tls::Validity;

    use super::*;

    #[test]
    fn it_is_said_again_after_a_day_a_reload_and_the_second_in_which_a_certificate_expires() {
        const EXPIRES: u64 = 1_000_000_000;
        let validity = Validity { not_before: 0, not_after: EXPIRES.cast_signed() };
        let certificates = [OwnCertificate { key: "server.tls.certificates[0]".into(), validity }];
        let at = |seconds: u64, generation| {
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            Said::at(time, generation, &certificates)
        };
        let before = at(EXPIRES - 100, 1);
        assert!(before.is_news_after(None));
        for (seconds, generation, is_news) in [
            (EXPIRES - 99, 1, false),
            (EXPIRES, 1, false),
            (EXPIRES + 1, 1, true),
            (EXPIRES - 99, 2, true),
            (EXPIRES - 200, 1, false),
        ] {
            assert_eq!(at(seconds, generation).is_news_after(Some(&before)), is_news, "{seconds}");
        }
        let expired = at(EXPIRES + 1, 1);
        let day = REMIND.as_secs();
        assert!(!at(EXPIRES + day, 1).is_news_after(Some(&expired)));
        assert!(at(EXPIRES + 1 + day, 1).is_news_after(Some(&expired)));
    }
}
