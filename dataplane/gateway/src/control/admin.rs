//! The admin listener: `/healthz`, `/readyz`, `/metrics`, and `DELETE /recall`, which only forgets. No secrets, no
//! configuration values.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get};

use super::render;
use super::shared::Shared;
use crate::config::settings::FailMode;
use crate::lifecycle::Phase;
use crate::recall::Recall;
use crate::snapshot::Upstream;

/// What the admin listener answers.
pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/", get(index))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/recall", delete(forget))
        .with_state(shared)
}

async fn index() -> &'static str {
    "aegis-gateway\n\n/healthz  is the process alive?\n/readyz   should it get traffic?\n/metrics  for Prometheus\n\
     /recall   DELETE forgets what was remembered of clients; ?organisation= and ?key= name some\n"
}

/// Alive: this answer comes from the control thread itself.
async fn healthz() -> &'static str {
    "ok\n"
}

async fn readyz(State(shared): State<Arc<Shared>>) -> Response {
    let reasons = not_ready(&shared);
    if reasons.is_empty() {
        let remarks = remarks(&shared).map(|remark| remark + "\n").collect::<String>();
        return format!("ready\n{remarks}").into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, format!("not ready\n{}\n", reasons.join("\n"))).into_response()
}

/// Why traffic should go elsewhere; empty when it may come.
pub fn not_ready(shared: &Shared) -> Vec<String> {
    let mut reasons = Vec::new();
    if shared.lifecycle.phase() != Phase::Running {
        reasons.push("draining".to_owned());
    } else if !shared.lifecycle.is_listening() {
        reasons.push("not all shards are listening".to_owned());
    }
    reasons.extend(not_ready_beside_shards(shared));
    reasons
}

/// Why traffic should not come yet, whatever the shards do.
pub fn not_ready_beside_shards(shared: &Shared) -> Vec<String> {
    let mut reasons = names_awaited(shared);
    let snapshot = shared.snapshots.load();
    if let Some(trouble) = shared.audit.trouble().filter(|_| snapshot.fail_mode == FailMode::Closed) {
        reasons.push(trouble.reason().to_owned());
    }
    if shared.state_folder.is_missing() {
        reasons.push("the state folder, or the master key in it, was deleted".to_owned());
    }
    if shared.state_folder.is_key_replaced() {
        reasons.push("the master key in the state folder is not the one in use".to_owned());
    }
    reasons
}

/// Names that have to be resolved before traffic may come. At the start each that was configured is given its time; then
/// one upstream with an address is enough, a built-in one too, and from there on a name takes no gateway out of service:
/// what is wrong with one is wrong with it in every replica.
fn names_awaited(shared: &Shared) -> Vec<String> {
    if shared.has_known_names.load(Relaxed) {
        return Vec::new();
    }
    let snapshot = shared.snapshots.load();
    let needed = || snapshot.upstreams.iter().filter(|upstream| upstream.needed);
    let is_known = |upstream: &Arc<Upstream>| !upstream.addresses.get().is_empty();
    if needed().all(|upstream| upstream.addresses.was_looked_up()) && snapshot.upstreams.iter().any(is_known)
    {
        shared.has_known_names.store(true, Relaxed);
        return Vec::new();
    }
    let missing: Vec<String> =
        needed().filter(|upstream| !is_known(upstream)).map(|upstream| no_address(upstream)).collect();
    if missing.is_empty() { vec!["no address of any upstream".to_owned()] } else { missing }
}

fn no_address(upstream: &Upstream) -> String {
    format!("no address of upstream {} ({})", upstream.name, upstream.host)
}

/// What is wrong with a gateway that is ready: with single upstreams, or for a takeover.
pub(super) fn remarks(shared: &Shared) -> impl Iterator<Item = String> {
    let names = "no other gateway can take over from this one: see its log";
    let names = shared.state_folder.lacks_names().then(|| names.to_owned());
    let upstreams = shared.snapshots.load().upstreams.clone();
    let of_upstreams = upstreams.into_iter().filter(|upstream| upstream.needed).filter_map(|upstream| {
        let known = upstream.addresses.get().len();
        match (known, upstream.addresses.is_failing()) {
            (0, _) => Some(no_address(&upstream)),
            (_, true) => Some(format!(
                "the name of upstream {} ({}) does not resolve any more; {known} addresses of before are used",
                upstream.name, upstream.host
            )),
            (_, false) => None,
        }
    });
    names.into_iter().chain(of_upstreams)
}

/// Whose memory is to be forgotten; everybody's if nothing is named.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct ForgetQuery {
    organisation: Option<String>,
    key: Option<String>,
}

async fn forget(
    State(shared): State<Arc<Shared>>,
    Query(forget): Query<ForgetQuery>,
    headers: HeaderMap,
) -> Response {
    // Browsers say with every DELETE which page sends it, and no page has a reason to.
    if headers.contains_key(header::ORIGIN) {
        return (StatusCode::FORBIDDEN, "not for web pages\n").into_response();
    }
    let settings = &shared.snapshots.load().recall;
    let clients = Recall::shared(settings).forget(forget.organisation.as_deref(), forget.key.as_deref());
    format!("forgot {clients} clients\n").into_response()
}

async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    match render::page(&shared) {
        Ok(page) => ([(header::CONTENT_TYPE, render::CONTENT_TYPE)], page).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
