//! The gateway's own certificates: until when they are valid, which nobody notices before the clients do.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aegis_settings::Problem;
use aegis_wire::tls::Validity;

use crate::clock;

/// A certificate that ends in so many days is soon expired: most that are renewed by themselves are so a month before.
pub const SOON_DAYS: i64 = 14;
const DAY: i64 = 24 * 60 * 60;

/// A certificate that the gateway shows: to clients, or to an upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnCertificate {
    /// The key of the configuration that names it.
    pub key: Box<str>,
    /// When it is valid.
    pub validity: Validity,
}

/// What the clock says of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificateState {
    /// It is valid for a while.
    Valid,
    /// It is valid, and expires within [`SOON_DAYS`].
    ExpiresSoon,
    /// It has expired.
    Expired,
    /// It is not valid yet, or the clock is wrong.
    NotYetValid,
}

impl OwnCertificate {
    /// Whole days until it expires; negative once it has.
    pub fn days_left(&self, now: SystemTime) -> i64 {
        (self.validity.not_after - seconds(now)).div_euclid(DAY)
    }

    /// What the clock says of it.
    pub fn state(&self, now: SystemTime) -> CertificateState {
        match seconds(now) {
            now if now > self.validity.not_after => CertificateState::Expired,
            now if now < self.validity.not_before => CertificateState::NotYetValid,
            _ if self.days_left(now) < SOON_DAYS => CertificateState::ExpiresSoon,
            _ => CertificateState::Valid,
        }
    }

    /// What is wrong with it now, if anything.
    pub fn problem(&self, now: SystemTime) -> Option<Problem> {
        let Validity { not_before, not_after } = self.validity;
        let key = &*self.key;
        match self.state(now) {
            CertificateState::Valid => None,
            CertificateState::ExpiresSoon => {
                let days = self.days_left(now);
                let what = format!("the certificate expires on {}, in {days} days", date(not_after));
                Some(Problem::warning(key, what, "renew it, put it in its place, and send SIGHUP"))
            }
            CertificateState::Expired => {
                let what = format!("the certificate has expired on {}", date(not_after));
                Some(Problem::error(key, what, "renew it, put it in its place, and send SIGHUP"))
            }
            CertificateState::NotYetValid => {
                let what = format!("the certificate is not valid before {}", date(not_before));
                Some(Problem::error(key, what, "is the clock right? `date` says what time it is here"))
            }
        }
    }
}

/// What is wrong with certificates now.
pub fn problems(certificates: &[OwnCertificate], now: SystemTime) -> impl Iterator<Item = Problem> {
    certificates.iter().filter_map(move |certificate| certificate.problem(now))
}

fn seconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// The day of a time in seconds since 1970, in UTC.
fn date(seconds: i64) -> String {
    let since = Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
    let time = UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH);
    clock::rfc3339(time).chars().take_while(|c| *c != 'T').collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_reported_when_it_ends_soon_and_when_it_is_not_valid() {
        let day = |days: i64| UNIX_EPOCH + Duration::from_secs(u64::try_from(days * DAY).unwrap());
        let certificate = OwnCertificate {
            key: "server.tls.certificates[0]".into(),
            validity: Validity { not_before: 100 * DAY, not_after: 200 * DAY },
        };
        for (now, state, left) in [
            (99, CertificateState::NotYetValid, 101),
            (100, CertificateState::Valid, 100),
            (200 - SOON_DAYS, CertificateState::Valid, SOON_DAYS),
            (201 - SOON_DAYS, CertificateState::ExpiresSoon, SOON_DAYS - 1),
            (200, CertificateState::ExpiresSoon, 0),
            (201, CertificateState::Expired, -1),
        ] {
            assert_eq!(
                (certificate.state(day(now)), certificate.days_left(day(now))),
                (state, left),
                "{now}"
            );
            assert_eq!(certificate.problem(day(now)).is_none(), state == CertificateState::Valid);
        }
        let text = certificate.problem(day(195)).unwrap().to_string();
        assert!(text.starts_with(
            "warning: server.tls.certificates[0]: the certificate expires on 1970-07-20, in 5 days\n"
        ));
        let text = certificate.problem(day(250)).unwrap().to_string();
        assert!(
            text.starts_with(
                "error: server.tls.certificates[0]: the certificate has expired on 1970-07-20\n"
            )
        );
    }
}
