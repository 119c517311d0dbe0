//! How gateways are doing.

use aegis_proto::v1::fleet_service_server::FleetService;
use aegis_proto::v1::{GatewayCommand, HealthReport, ResourceStatus};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::connections::{ConnectionLimit, HeldConnection};
use super::identity::{address, caller};
use super::refusal::of_storage;
use crate::service::{Caller, Service};
use crate::storage::fleet::{self, Gateway, Report};
use crate::storage::{Error, Operator, now};

/// Commands of a call that wait for the network.
const COMMANDS: usize = 4;
/// Longest text of a report that is kept, in bytes.
const MAX_TEXT_BYTES: usize = 500;

/// The service.
#[derive(Debug, Clone)]
pub(super) struct Fleet {
    pub(super) service: Service,
    pub(super) limit: ConnectionLimit,
}

#[tonic::async_trait]
impl FleetService for Fleet {
    type ReportStream = ReceiverStream<Result<GatewayCommand, Status>>;

    async fn report(
        &self,
        request: Request<Streaming<HealthReport>>,
    ) -> Result<Response<Self::ReportStream>, Status> {
        let gateway = caller(&self.service.database, &request).await?;
        let held = self.limit.hold(&gateway.organisation).ok_or_else(|| {
            Status::resource_exhausted(
                "this organisation's gateways hold as many connections as they may: try again later",
            )
        })?;
        let (commands, stream) = mpsc::channel(COMMANDS);
        let reporting = Reporting {
            address: address(&request),
            service: self.service.clone(),
            gateway,
            greeted: None,
            _held: held,
        };
        tokio::spawn(reporting.run(request.into_inner(), commands));
        Ok(Response::new(ReceiverStream::new(stream)))
    }
}

/// One call.
struct Reporting {
    service: Service,
    gateway: Gateway,
    address: String,
    /// The boot that was admitted in this call.
    greeted: Option<String>,
    _held: HeldConnection,
}

impl Reporting {
    async fn run(
        mut self,
        mut reports: Streaming<HealthReport>,
        commands: mpsc::Sender<Result<GatewayCommand, Status>>,
    ) {
        while let Ok(Some(report)) = reports.message().await {
            if let Err(status) = self.take(report).await {
                // The gateway may be gone already.
                let _ = commands.send(Err(status)).await;
                return;
            }
        }
    }

    async fn take(&mut self, report: HealthReport) -> Result<(), Status> {
        if !crate::storage::is_id(&report.boot_id) {
            return Err(Status::invalid_argument("boot_id is no identifier"));
        }
        let failed = |error: &Error| of_storage("keeping a report", error);
        let time = now();
        let mut tx = self.service.database.write(Operator).await.map_err(|error| failed(&error))?;
        let is_greeted = self.greeted.as_deref() == Some(&*report.boot_id)
            && fleet::seen(&mut tx, &self.gateway.id, &report.boot_id, time)
                .await
                .map_err(|error| failed(&error))?;
        if !is_greeted {
            let caller = Caller {
                gateway: &self.gateway.id,
                boot: &report.boot_id,
                predecessor: &report.predecessor_boot_id,
                address: &self.address,
            };
            let live = self.service.hello(&mut tx, caller, time).await.map_err(|error| failed(&error))?;
            if let Some(live) = live {
                tx.commit().await.map_err(|error| failed(&error))?;
                return Err(Status::already_exists(format!(
                    "another process has this gateway's identity: {live}"
                )));
            }
            self.greeted = Some(report.boot_id.clone());
        }
        let kept = kept(&self.gateway.id, &report, time);
        fleet::keep_report(&mut tx, &kept).await.map_err(|error| failed(&error))?;
        if report.ending {
            fleet::goodbye(&mut tx, &self.gateway.id, &report.boot_id, time)
                .await
                .map_err(|error| failed(&error))?;
        }
        tx.commit().await.map_err(|error| failed(&error))
    }
}

/// The report as it is kept.
fn kept(gateway: &str, report: &HealthReport, time: i64) -> Report {
    let oldest = report.spool.as_ref().map_or(0, |spool| spool.oldest_at_us);
    Report {
        gateway: gateway.to_owned(),
        boot: report.boot_id.clone(),
        received: time,
        build: shown(&format!("{} {}", report.version, report.build)),
        is_draining: report.draining,
        oldest_unsent: (oldest != 0).then(|| (report.sent_at_us - oldest).max(0)),
        clock_skew: report.sent_at_us.saturating_sub(time),
        token_key_fingerprint: data_encoding::HEXLOWER
            .encode(report.token_key_fingerprint.get(..8).unwrap_or_default()),
        last_error: Some(shown(&report.last_error)).filter(|error| !error.is_empty()),
        document: document(report).to_string(),
    }
}

/// All of a report, as the API shows it.
fn document(report: &HealthReport) -> Value {
    let process = report.process.clone().unwrap_or_default();
    let traffic = report.traffic.unwrap_or_default();
    let spool = report.spool.unwrap_or_default();
    json!({
        "version": shown(&report.version),
        "build": shown(&report.build),
        "resources": report.resources.iter().map(resource).collect::<Vec<_>>(),
        "process": {
            "driver": shown(&process.driver),
            "shards": process.shards,
            "pinned_shards": process.pinned_shards,
            "core_dumps_off": process.core_dumps_off,
            "memory_bytes": process.memory_bytes,
            "booted_at_us": process.booted_at_us,
        },
        "traffic": {
            "connections": traffic.connections,
            "requests": traffic.requests,
            "findings": traffic.findings,
            "unresolved_tokens": traffic.unresolved_tokens,
            "added_p50_us": traffic.added_p50_us,
            "added_p99_us": traffic.added_p99_us,
        },
        "spool": {
            "bytes": spool.bytes,
            "events": spool.events,
            "oldest_at_us": spool.oldest_at_us,
            "dropped": spool.dropped,
        },
        "certificate_ends_at_us": report.certificate_ends_at_us,
        "last_command_id": shown(&report.last_command_id),
    })
}

fn resource(status: &ResourceStatus) -> Value {
    let in_use = status.in_use.clone().unwrap_or_default();
    let problems = status.problems.iter().map(|problem| {
        json!({ "code": problem.code().as_str_name(), "rule_id": shown(&problem.rule_id), "detail": shown(&problem.detail) })
    });
    json!({
        "organisation_id": shown(&in_use.organisation_id),
        "resource": in_use.resource().as_str_name(),
        "version": in_use.version,
        "wanted_version": status.wanted_version,
        "problems": problems.collect::<Vec<_>>(),
    })
}

/// A text of a gateway on one line, cut to a length that a page can show.
fn shown(text: &str) -> String {
    let mut shown: String = text.chars().filter(|letter| !letter.is_control()).collect();
    if shown.len() > MAX_TEXT_BYTES {
        let end = (0..=MAX_TEXT_BYTES).rev().find(|at| shown.is_char_boundary(*at)).unwrap_or(0);
        shown.truncate(end);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_a_report_are_bounded_and_on_one_line() {
        assert_eq!(shown("a\nb\u{1b}[31m"), "ab[31m");
        assert_eq!(shown(&"ä".repeat(MAX_TEXT_BYTES)).len(), MAX_TEXT_BYTES);
        let report = HealthReport {
            boot_id: "boot_1".to_owned(),
            sent_at_us: 10,
            last_error: "x".repeat(5_000),
            token_key_fingerprint: vec![0xab; 8],
            ..HealthReport::default()
        };
        let kept = kept("gw_1", &report, 4);
        assert_eq!(kept.last_error.map(|error| error.len()), Some(MAX_TEXT_BYTES));
        assert_eq!((kept.clock_skew, kept.oldest_unsent), (6, None));
        assert_eq!(kept.token_key_fingerprint, "abababababababab");
    }
}
