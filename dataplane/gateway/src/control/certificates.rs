//! Says in the log when a certificate of the gateway's own ends soon or is not valid: at the start, after a reload, and
//! every day.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::shared::Shared;
use crate::config::error::ProblemSeverity;
use crate::snapshot::certificates::{OwnCertificate, problems};

/// How often it is looked for other certificates.
const STEP: Duration = Duration::from_secs(1);
/// Time between two remarks about the same certificate.
const REMIND: Duration = Duration::from_secs(24 * 60 * 60);

/// Watches the certificates of the published snapshot, for ever.
pub(super) async fn watch(shared: Arc<Shared>) {
    let mut said: Option<(u64, Instant)> = None;
    loop {
        let snapshot = shared.snapshots.load();
        let is_said =
            said.is_some_and(|(generation, at)| generation == snapshot.generation && at.elapsed() < REMIND);
        if !is_said {
            say(&snapshot.certificates);
            said = Some((snapshot.generation, Instant::now()));
        }
        drop(snapshot);
        tokio::time::sleep(STEP).await;
    }
}

fn say(certificates: &[OwnCertificate]) {
    for problem in problems(certificates, SystemTime::now()) {
        let (certificate, what) = (&problem.key, &problem.what);
        match problem.severity {
            ProblemSeverity::Error => tracing::error!(certificate, "{what}: clients or upstreams refuse it"),
            ProblemSeverity::Warning => tracing::warn!(certificate, "{what}"),
        }
    }
}
