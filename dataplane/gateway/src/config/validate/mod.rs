//! Checks of the configuration as a whole: values that fit their type and still cannot work.
//!
//! All problems are found in one pass, so that nobody has to repair a file one error at a time. Nothing here opens a
//! file: what must be read (certificates, keys, rules) is checked when the snapshot is built.

use std::collections::HashSet;
use std::net::SocketAddr;

use aegis_settings::{Problem, layers};

use super::reference::CATALOGUE;
use super::settings::{ClientAuth, Settings};
use super::upstream_url::UpstreamUrl;
use crate::web_origin::{MAX_ENTRY, check_host, check_origin};

mod auth;
mod hosts;
mod limits;
mod log;
mod policy;
mod restore;
mod tokens;
mod upstreams;

/// Everything wrong with `settings`, built-in upstreams included.
pub fn check(settings: &Settings) -> Vec<Problem> {
    let mut problems = layers::check_ranges(&CATALOGUE, settings);
    server(settings, &mut problems);
    addresses(settings, &mut problems);
    limits::check(settings, &mut problems);
    session(settings, &mut problems);
    recall(settings, &mut problems);
    upstreams::check(settings, &mut problems);
    auth::check(settings, &mut problems);
    policy::check(settings, &mut problems);
    restore::check(settings, &mut problems);
    tokens::check(settings, &mut problems);
    log::check(settings, &mut problems);
    problems
}

fn server(settings: &Settings, problems: &mut Vec<Problem>) {
    let server = &settings.server;
    if server.listen.is_empty() {
        problems.push(Problem::error("server.listen", "the list is empty", "name at least one address"));
    }
    let mut seen = HashSet::new();
    for address in &server.listen {
        if address.port() != 0 && !seen.insert(address) {
            problems.push(Problem::error(
                "server.listen",
                format!("{address} is listed twice"),
                "remove one",
            ));
        }
        if overlaps(*address, settings.admin.listen) {
            let help = "give one of the two another port";
            problems.push(Problem::error(
                "admin.listen",
                format!("{} is taken by server.listen", settings.admin.listen),
                help,
            ));
        }
    }
    if server.tls.client_auth != ClientAuth::Off {
        if server.tls.client_ca.is_none() {
            let what = "client certificates are asked for, but nobody is trusted to sign them";
            problems.push(Problem::error(
                "server.tls.client_auth",
                what,
                "set server.tls.client_ca to a PEM file",
            ));
        }
        if server.tls.certificates.is_empty() {
            let what = "client certificates need TLS, and there is no certificate";
            problems.push(Problem::error("server.tls.client_auth", what, "add server.tls.certificates"));
        }
    }
    reach(settings, problems);
    if !settings.admin.listen.ip().is_loopback() {
        let what = format!("{} can be reached from outside and has no access control", settings.admin.listen);
        problems.push(Problem::warning("admin.listen", what, "keep it on a trusted network"));
    }
}

/// Warns of an address that the network reaches, where nothing asks who comes or nothing hides what is said.
fn reach(settings: &Settings, problems: &mut Vec<Problem>) {
    let (auth, tls) = (&settings.auth, &settings.server.tls);
    let asks = auth.demands_keys() || tls.client_auth == ClientAuth::Required;
    let (missing, add) = match (asks, tls.certificates.is_empty()) {
        (false, true) => ("neither a key nor TLS", "[[auth.keys]] and server.tls.certificates"),
        (false, false) => ("no key", "[[auth.keys]]"),
        (true, true) => ("no TLS", "server.tls.certificates"),
        (true, false) => return,
    };
    for address in settings.server.listen.iter().filter(|address| !address.ip().is_loopback()) {
        let what = format!("{address} can be reached from the network, and there is {missing}");
        let help = format!("add {add}, or listen on 127.0.0.1");
        problems.push(Problem::warning("server.listen", what, help));
    }
}

/// The gateway's own address, and the names and pages that may use it.
fn addresses(settings: &Settings, problems: &mut Vec<Problem>) {
    let server = &settings.server;
    if let Some(text) = &server.public_url {
        let help = "write it like \"https://gateway.example.com\"";
        match UpstreamUrl::parse(text) {
            Err(what) => problems.push(Problem::error("server.public_url", what, help)),
            Ok(_) if text.len() > MAX_ENTRY => {
                let what = format!("longer than {MAX_ENTRY} bytes");
                problems.push(Problem::error("server.public_url", what, help));
            }
            Ok(_) => {}
        }
    }
    for host in &server.hosts {
        if let Err(what) = check_host(host) {
            let help = "write names like \"gateway.example.com\", with or without a port";
            problems.push(Problem::error("server.hosts", format!("`{host}` {what}"), help));
        }
    }
    for origin in &server.origins {
        if let Err(what) = check_origin(origin) {
            let help = "write origins like \"https://app.example.com\" or \"vscode-webview://*\"";
            problems.push(Problem::error("server.origins", format!("`{origin}` {what}"), help));
        }
    }
    for (name, upstream) in &settings.upstreams {
        hosts::check(&format!("upstreams.{name}.redirect_hosts"), &upstream.redirect_hosts, problems);
    }
}

/// Whether two addresses cannot be listened on by different listeners.
fn overlaps(a: SocketAddr, b: SocketAddr) -> bool {
    a.port() != 0
        && a.port() == b.port()
        && (a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified())
}

fn session(settings: &Settings, problems: &mut Vec<Problem>) {
    let session = &settings.session;
    if session.enabled && (session.max_sessions == 0 || session.max_secrets == 0 || session.ttl.is_zero()) {
        problems.push(Problem::error(
            "session.enabled",
            "sessions are enabled, but ttl, max_sessions or max_secrets is 0",
            "raise it, or set enabled = false",
        ));
    }
}

fn recall(settings: &Settings, problems: &mut Vec<Problem>) {
    let recall = &settings.recall;
    if recall.enabled && (recall.max_clients == 0 || recall.max_values == 0 || recall.ttl.is_zero()) {
        problems.push(Problem::error(
            "recall.enabled",
            "values are remembered, but ttl, max_clients or max_values is 0",
            "raise it, or set enabled = false",
        ));
    }
}
