//! Checks of `[upstreams]`: names, addresses, credentials.

use aegis_settings::Problem;

use crate::config::settings::{Settings, TrustedRoots, Upstream};
use crate::config::upstream_url::UpstreamUrl;
use crate::metrics::MAX_UPSTREAMS;

/// First parts of providers' own paths and of the gateway's, which therefore cannot name an upstream.
const RESERVED_NAMES: [&str; 5] = ["v1", "v1beta", "v1alpha", "v2", "aegis"];

pub(super) fn check(settings: &Settings, problems: &mut Vec<Problem>) {
    if settings.upstreams.len() > MAX_UPSTREAMS {
        let what = format!(
            "{} upstreams, with the built-in ones, are more than {MAX_UPSTREAMS}",
            settings.upstreams.len()
        );
        problems.push(Problem::error("upstreams", what, "remove some"));
    }
    for (name, upstream) in &settings.upstreams {
        let key = format!("upstreams.{name}");
        let word = !name.is_empty()
            && name.len() <= 64
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !word || name.starts_with('-') || RESERVED_NAMES.contains(&name.as_str()) {
            let help = "names are lower-case letters, digits and hyphens, at most 64, and not v1, v1alpha, v1beta, v2 or aegis";
            problems.push(Problem::error(&key, format!("`{name}` cannot name an upstream"), help));
        }
        upstream_target(&key, upstream, settings, problems);
        upstream_credentials(&key, upstream, problems);
        idempotency_header(&key, upstream, problems);
    }
}

/// A field name is a token (RFC 9110 section 5.6.2); what the gateway itself or the framing uses is none to ask for.
fn idempotency_header(key: &str, upstream: &Upstream, problems: &mut Vec<Problem>) {
    let Some(name) = &upstream.idempotency_header else { return };
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(token) || name.to_ascii_lowercase().starts_with("x-aegis-") {
        let what = format!("`{name}` is no name of a request header that reaches the upstream");
        let help = "write it like \"idempotency-key\"";
        problems.push(Problem::error(format!("{key}.idempotency_header"), what, help));
    }
}

fn upstream_target(key: &str, upstream: &Upstream, settings: &Settings, problems: &mut Vec<Problem>) {
    let Some(text) = &upstream.url else {
        problems.push(Problem::error(key, "has no url", "add url = \"https://...\""));
        return;
    };
    let url = match UpstreamUrl::parse(text) {
        Ok(url) => url,
        Err(what) => {
            let help = "write it like \"https://api.example.com\" or \"http://127.0.0.1:8000/base\"";
            problems.push(Problem::error(format!("{key}.url"), what, help));
            return;
        }
    };
    if !url.tls && !url.is_local() && has_key(upstream) {
        let what = format!("the provider's key would cross the network unencrypted to {}", url.host);
        problems.push(Problem::warning(format!("{key}.url"), what, "use https://"));
    }
    if !url.tls && upstream.roots != TrustedRoots::default() {
        problems.push(Problem::error(
            format!("{key}.roots"),
            "has no effect with http://",
            "use https://, or remove it",
        ));
    }
    let open = !settings.auth.demands_keys();
    let outside = settings.server.listen.iter().any(|address| !address.ip().is_loopback());
    if open && outside && has_key(upstream) {
        let what = "everybody who reaches server.listen may use the provider's key";
        problems.push(Problem::warning(key, what, "list [[auth.keys]], or listen on 127.0.0.1 only"));
    }
}

fn has_key(upstream: &Upstream) -> bool {
    upstream.api_key.is_some() || upstream.api_key_file.is_some() || upstream.api_key_env.is_some()
}

fn upstream_credentials(key: &str, upstream: &Upstream, problems: &mut Vec<Problem>) {
    let given = [upstream.api_key.is_some(), upstream.api_key_file.is_some(), upstream.api_key_env.is_some()];
    if given.iter().filter(|given| **given).count() > 1 {
        problems.push(Problem::error(
            key,
            "more than one of api_key, api_key_file and api_key_env",
            "keep one",
        ));
    }
    if upstream.key_header.is_some() && !has_key(upstream) {
        let what = "has no effect without a key";
        problems.push(Problem::error(
            format!("{key}.key_header"),
            what,
            "add api_key_file or api_key_env, or remove it",
        ));
    }
    match (upstream.roots, &upstream.ca) {
        (TrustedRoots::File, None) => problems.push(Problem::error(
            format!("{key}.roots"),
            "roots = \"file\" without a file",
            "set ca to a PEM file",
        )),
        (TrustedRoots::Webpki | TrustedRoots::System, Some(_)) => problems.push(Problem::error(
            format!("{key}.ca"),
            "has no effect without roots = \"file\"",
            "set roots = \"file\", or remove ca",
        )),
        _ => {}
    }
    if upstream.client_cert.is_some() != upstream.client_key.is_some() {
        problems.push(Problem::error(
            key,
            "client_cert and client_key belong together",
            "give both, or none",
        ));
    }
}
