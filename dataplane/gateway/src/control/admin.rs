//! The admin listener: `/healthz`, `/readyz`, `/metrics`, and `DELETE /recall`, which only forgets. No secrets, no
//! configuration values.

use std::net::TcpListener;
use std::sync::Arc;

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

/// Serves until the runtime ends.
pub async fn serve(shared: Arc<Shared>, listener: TcpListener) -> std::io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    axum::serve(listener, router(shared)).await
}

fn router(shared: Arc<Shared>) -> Router {
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
        return "ready\n".into_response();
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
    let snapshot = shared.snapshots.load();
    let unresolved = |needed: bool| {
        let names =
            snapshot.upstreams.iter().filter(move |u| u.needed == needed && u.addresses.get().is_empty());
        names.map(|upstream| format!("no address of upstream {} ({})", upstream.name, upstream.host))
    };
    reasons.extend(unresolved(true));
    // When nobody named an upstream, one of the built-in ones must be within reach.
    let none_needed = snapshot.upstreams.iter().all(|upstream| !upstream.needed);
    if none_needed && snapshot.upstreams.iter().all(|upstream| upstream.addresses.get().is_empty()) {
        reasons.push("no address of any upstream".to_owned());
    }
    if let Some(trouble) = shared.audit.trouble().filter(|_| snapshot.fail_mode == FailMode::Closed) {
        reasons.push(trouble.reason().to_owned());
    }
    if shared.state_folder.is_gone() {
        reasons.push("the state folder, or the master key in it, was deleted".to_owned());
    }
    reasons
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
