//! Checks of the configuration as a whole: values that fit their type and still cannot work.
//!
//! All problems are found in one pass, so that nobody has to repair a file one error at a time. Nothing here opens a file:
//! what must be read (certificates, keys, rules) is checked when the snapshot is built.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::Duration;

use super::error::Problem;
use super::settings::{AuthMode, ClientAuth, FailMode, Roots, Settings, Timeouts, Upstream};
use super::upstream_url::UpstreamUrl;
use crate::metrics::{CATEGORIES, MAX_UPSTREAMS};
use crate::web_origin::{MAX_ENTRY, check_host, check_origin};

/// Most shards; more than any machine this runs on has CPUs.
pub const MAX_SHARDS: usize = 1_024;
/// Bounds of `audit.ring`.
pub const RING: std::ops::RangeInclusive<usize> = 64..=1 << 20;
/// Least `limits.max_head`: below it ordinary clients fail.
pub const MIN_HEAD: u64 = 4 << 10;
/// First parts of providers' own paths, which therefore cannot name an upstream.
const RESERVED_NAMES: [&str; 4] = ["v1", "v1beta", "v1alpha", "v2"];

/// Everything wrong with `settings`, built-in upstreams included.
pub fn check(settings: &Settings) -> Vec<Problem> {
    let mut problems = Vec::new();
    server(settings, &mut problems);
    addresses(settings, &mut problems);
    timeouts(&settings.timeouts, &mut problems);
    if !settings.server.sse_keep_alive.is_zero() {
        check_timeout("server.sse_keep_alive", settings.server.sse_keep_alive, &mut problems);
    }
    limits(settings, &mut problems);
    upstreams(settings, &mut problems);
    auth(settings, &mut problems);
    policy(settings, &mut problems);
    tokens(settings, &mut problems);
    log(settings, &mut problems);
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
    if server.shards > MAX_SHARDS {
        let what = format!("{} shards are more than {MAX_SHARDS}", server.shards);
        problems.push(Problem::error("server.shards", what, "0 takes one per CPU"));
    }
    if server.max_connections == 0 {
        problems.push(Problem::error(
            "server.max_connections",
            "0 would refuse every client",
            "the default is 65536",
        ));
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
    if !settings.admin.listen.ip().is_loopback() {
        let what = format!("{} can be reached from outside and has no access control", settings.admin.listen);
        problems.push(Problem::warning("admin.listen", what, "keep it on a trusted network"));
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
        for host in &upstream.redirect_hosts {
            let bare = host.strip_prefix("*.").unwrap_or(host);
            if check_host(bare).is_err() || bare.contains(':') {
                let key = format!("upstreams.{name}.redirect_hosts");
                let help =
                    "write names without scheme and port, like \"files.example.com\" or \"*.example.com\"";
                problems.push(Problem::error(key, format!("`{host}` is not a host name"), help));
            }
        }
    }
}

/// Whether two addresses cannot be listened on by different listeners.
fn overlaps(a: SocketAddr, b: SocketAddr) -> bool {
    a.port() != 0
        && a.port() == b.port()
        && (a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified())
}

fn timeouts(timeouts: &Timeouts, problems: &mut Vec<Problem>) {
    let phases = [
        ("tls_handshake", timeouts.tls_handshake),
        ("request_head", timeouts.request_head),
        ("request_body_gap", timeouts.request_body_gap),
        ("keep_alive", timeouts.keep_alive),
        ("response_write_gap", timeouts.response_write_gap),
        ("resolve", timeouts.resolve),
        ("connect", timeouts.connect),
        ("connect_total", timeouts.connect_total),
        ("upstream_tls", timeouts.upstream_tls),
        ("request_write_gap", timeouts.request_write_gap),
        ("first_byte", timeouts.first_byte),
        ("upstream_read_gap", timeouts.upstream_read_gap),
        ("stream_read_gap", timeouts.stream_read_gap),
        ("idle_pooled", timeouts.idle_pooled),
        ("connection_age", timeouts.connection_age),
    ];
    for (name, value) in phases {
        check_timeout(&format!("timeouts.{name}"), value, problems);
    }
}

/// Longest time limit; also keeps timer arithmetic far from overflow.
const MAX_TIMEOUT: Duration = Duration::from_secs(7 * 86_400);

fn check_timeout(key: &str, value: Duration, problems: &mut Vec<Problem>) {
    if value.is_zero() {
        problems.push(Problem::error(
            key,
            "a time limit of 0 would end everything at once",
            "for a long one write \"1h\"",
        ));
    } else if value > MAX_TIMEOUT {
        problems.push(Problem::error(key, "longer than 7 days", "write a shorter time"));
    }
}

fn limits(settings: &Settings, problems: &mut Vec<Problem>) {
    let limits = &settings.limits;
    if limits.max_body == 0 {
        problems.push(Problem::error(
            "limits.max_body",
            "0 would refuse every body",
            "the default is \"64MiB\"",
        ));
    }
    if limits.max_head < MIN_HEAD {
        let what = format!("{} bytes are too few for ordinary clients", limits.max_head);
        problems.push(Problem::error("limits.max_head", what, "at least \"4KiB\"; the default is \"64KiB\""));
    }
    if limits.max_fields < 16 {
        let what = format!("{} fields are too few for ordinary clients", limits.max_fields);
        problems.push(Problem::error("limits.max_fields", what, "at least 16; the default is 128"));
    }
    if limits.max_decode_ratio == 0 {
        problems.push(Problem::error(
            "limits.max_decode_ratio",
            "0 would refuse every compressed body",
            "the default is 200",
        ));
    }
    if limits.buffers_per_shard < 1 << 20 {
        problems.push(Problem::error(
            "limits.buffers_per_shard",
            "less than 1MiB",
            "the default is \"256MiB\"",
        ));
    }
    if !RING.contains(&settings.audit.ring) {
        let what = format!("{} is not between {} and {}", settings.audit.ring, RING.start(), RING.end());
        problems.push(Problem::error("audit.ring", what, "the default is 8192"));
    }
    let session = &settings.session;
    if session.enabled && (session.max_sessions == 0 || session.max_secrets == 0 || session.ttl.is_zero()) {
        problems.push(Problem::error(
            "session.enabled",
            "sessions are enabled, but ttl, max_sessions or max_secrets is 0",
            "raise it, or set enabled = false",
        ));
    }
}

fn upstreams(settings: &Settings, problems: &mut Vec<Problem>) {
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
            let help = "names are lower-case letters, digits and hyphens, at most 64, and not v1, v1alpha, v1beta or v2";
            problems.push(Problem::error(&key, format!("`{name}` cannot name an upstream"), help));
        }
        upstream_target(&key, upstream, settings, problems);
        upstream_credentials(&key, upstream, problems);
        idempotency_header(&key, upstream, problems);
        let own = [
            ("connect_timeout", upstream.connect_timeout),
            ("first_byte_timeout", upstream.first_byte_timeout),
            ("read_gap_timeout", upstream.read_gap_timeout),
            ("stream_gap_timeout", upstream.stream_gap_timeout),
        ];
        for (name, value) in own {
            if let Some(value) = value {
                check_timeout(&format!("{key}.{name}"), value, problems);
            }
        }
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
    if !url.tls && upstream.roots != Roots::default() {
        problems.push(Problem::error(
            format!("{key}.roots"),
            "has no effect with http://",
            "use https://, or remove it",
        ));
    }
    let open = settings.auth.mode == AuthMode::None
        || (settings.auth.mode == AuthMode::Auto && settings.auth.keys.is_empty());
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
        (Roots::File, None) => problems.push(Problem::error(
            format!("{key}.roots"),
            "roots = \"file\" without a file",
            "set ca to a PEM file",
        )),
        (Roots::Webpki | Roots::System, Some(_)) => problems.push(Problem::error(
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

fn auth(settings: &Settings, problems: &mut Vec<Problem>) {
    let auth = &settings.auth;
    if auth.mode == AuthMode::None && !auth.keys.is_empty() {
        let what = "keys are listed, but none is demanded";
        problems.push(Problem::error("auth.mode", what, "set mode = \"keys\", or remove the keys"));
    }
    if auth.mode == AuthMode::Keys && auth.keys.is_empty() {
        let what = "keys are demanded, but none is listed: every request will be refused";
        problems.push(Problem::warning("auth.mode", what, "make one with `aegis-gateway key new`"));
    }
    let mut ids = HashSet::new();
    let mut hashes = HashSet::new();
    for (i, key) in auth.keys.iter().enumerate() {
        let at = format!("auth.keys[{i}]");
        if key.id.is_empty() || key.id.len() > 128 || key.id.chars().any(char::is_control) {
            problems.push(Problem::error(
                format!("{at}.id"),
                "not a usable name",
                "1 to 128 printable characters",
            ));
        }
        if !ids.insert(&key.id) {
            problems.push(Problem::error(
                format!("{at}.id"),
                format!("`{}` is used twice", key.id),
                "rename one",
            ));
        }
        if !is_sha256(&key.sha256) {
            let help = "write 64 hexadecimal digits; `aegis-gateway key hash` makes them from a key";
            problems.push(Problem::error(format!("{at}.sha256"), "not a SHA-256", help));
        } else if !hashes.insert(key.sha256.to_ascii_lowercase()) {
            problems.push(Problem::error(
                format!("{at}.sha256"),
                "the same key is listed twice",
                "remove one",
            ));
        }
        for name in &key.upstreams {
            if !settings.upstreams.contains_key(name) {
                let what = format!("there is no upstream `{name}`");
                problems.push(Problem::error(
                    format!("{at}.upstreams"),
                    what,
                    known_upstreams(settings, name),
                ));
            }
        }
    }
}

fn known_upstreams(settings: &Settings, name: &str) -> String {
    let names = settings.upstreams.keys().map(String::as_str);
    match super::reference::nearest(name, names.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there are: {}", names.collect::<Vec<_>>().join(", ")),
    }
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|digit| digit.is_ascii_hexdigit())
}

fn policy(settings: &Settings, problems: &mut Vec<Problem>) {
    let policy = &settings.policy;
    for category in policy.categories.keys() {
        if !CATEGORIES.iter().any(|known| known.to_lowercase() == *category) {
            let known = CATEGORIES.map(str::to_lowercase);
            let key = format!("policy.categories.{category}");
            let help = format!("categories are {}", known.join(", "));
            problems.push(Problem::error(key, format!("there is no category `{category}`"), help));
        }
    }
    for (i, hash) in policy.allow_sha256.iter().enumerate() {
        if !is_sha256(hash) {
            let what = format!("item {} is not a SHA-256", i + 1);
            problems.push(Problem::error("policy.allow_sha256", what, "write 64 hexadecimal digits"));
        }
    }
    for (i, pattern) in policy.allow_regex.iter().enumerate() {
        if let Err(error) = regex::bytes::Regex::new(pattern) {
            let reason = error.to_string();
            let reason = reason.lines().last().unwrap_or("").trim_start_matches("error: ").to_owned();
            let what = format!("item {} is not a regular expression: {reason}", i + 1);
            problems.push(Problem::error(
                "policy.allow_regex",
                what,
                "the syntax is that of the Rust crate regex",
            ));
        }
    }
    if policy.fail_mode == FailMode::Open {
        let what = "what cannot be scanned or recorded passes";
        problems.push(Problem::warning("policy.fail_mode", what, "\"closed\" refuses it"));
    }
}

fn tokens(settings: &Settings, problems: &mut Vec<Problem>) {
    let tokens = &settings.tokens;
    if tokens.key.is_some() && tokens.key_file.is_some() {
        problems.push(Problem::error("tokens.key", "given together with tokens.key_file", "keep one"));
    }
    if let Some(key) = &tokens.key
        && !is_sha256(key.expose())
    {
        problems.push(Problem::error(
            "tokens.key",
            "not 64 hexadecimal digits",
            "make one with `openssl rand -hex 32`",
        ));
    }
    if tokens.organisation.is_empty() || tokens.organisation.len() > 256 {
        problems.push(Problem::error("tokens.organisation", "not a usable name", "1 to 256 bytes"));
    }
    let mut seen = HashSet::from([tokens.epoch]);
    for epoch in std::iter::once(tokens.epoch).chain(tokens.older_epochs.iter().copied()) {
        if !is_epoch(epoch) {
            let what = format!("`{epoch}` cannot name an epoch");
            let help = "one of 0-9 and A-Z without I, L, O and U";
            problems.push(Problem::error("tokens.epoch", what, help));
        }
    }
    for epoch in &tokens.older_epochs {
        if !seen.insert(*epoch) {
            let what = format!("epoch `{epoch}` is named twice");
            problems.push(Problem::error("tokens.older_epochs", what, "remove one"));
        }
    }
}

/// Whether `epoch` is a character of Crockford's base32.
fn is_epoch(epoch: char) -> bool {
    epoch.is_ascii_digit() || (epoch.is_ascii_uppercase() && !matches!(epoch, 'I' | 'L' | 'O' | 'U'))
}

fn log(settings: &Settings, problems: &mut Vec<Problem>) {
    if let Err(error) = settings.log.level.parse::<tracing_subscriber::filter::Targets>() {
        let what = format!("`{}` is not a level or filter: {error}", settings.log.level);
        problems.push(Problem::error("log.level", what, "error, warn, info, debug or trace"));
    }
    if settings.log.access.is_empty() {
        problems.push(Problem::error("log.access", "is empty", "off, stdout, stderr or the path of a file"));
    }
}
