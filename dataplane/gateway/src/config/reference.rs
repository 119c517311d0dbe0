//! The list of all keys with kind, default and meaning.
//!
//! It names the environment variables, explains unknown keys and wrong values, and is the source of the table in the
//! README. Tests hold it against [`super::settings::Settings`]: no key is missing here, none is too many, and every default
//! is the real one.

use std::fmt::Write as _;

/// What kind of value a key takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// Path of a file or folder.
    Path,
    /// `IP:PORT`.
    Address,
    /// List of `IP:PORT`.
    Addresses,
    /// Whole number.
    Number,
    /// `true` or `false`.
    Switch,
    /// Length of time.
    Duration,
    /// Number of bytes.
    Size,
    /// One of some words.
    Choice(&'static [&'static str]),
    /// List of some words.
    Choices(&'static [&'static str]),
    /// List of texts.
    Texts,
    /// List of tables; their keys are listed as `section.key[].name`.
    Tables,
    /// One digit or letter.
    Letter,
    /// A secret.
    Secret,
}

impl Kind {
    /// The kind in words, for people.
    pub fn describe(self) -> String {
        match self {
            Kind::Text => "a text in quotes".to_owned(),
            Kind::Path => "a path in quotes".to_owned(),
            Kind::Address => "an address like \"127.0.0.1:8080\" or \"[::1]:8080\"".to_owned(),
            Kind::Addresses => "a list of addresses like [\"0.0.0.0:8080\"]".to_owned(),
            Kind::Number => "a whole number, not negative".to_owned(),
            Kind::Switch => "true or false".to_owned(),
            Kind::Duration => "seconds as a number, or \"250ms\", \"30s\", \"5m\", \"1h\"".to_owned(),
            Kind::Size => "bytes as a number, or \"16KiB\", \"64MiB\", \"1GiB\"".to_owned(),
            Kind::Choice(words) => {
                let words: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
                format!("one of {}", words.join(", "))
            }
            Kind::Choices(words) => {
                let words: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
                format!("a list of some of {}", words.join(", "))
            }
            Kind::Texts => "a list of texts like [\"a\", \"b\"]".to_owned(),
            Kind::Tables => "a list of tables like [{ ... }]".to_owned(),
            Kind::Letter => "one digit or letter in quotes".to_owned(),
            Kind::Secret => "a secret in quotes; better in the environment or a file".to_owned(),
        }
    }
}

/// One key of the configuration.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// `section.key`; `*` stands for a name of your choice, `[]` for an item of a list.
    pub path: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// The default as written in TOML; empty when there is none.
    pub default: &'static str,
    /// What it means.
    pub help: &'static str,
}

const fn key(path: &'static str, kind: Kind, default: &'static str, help: &'static str) -> Key {
    Key { path, kind, default, help }
}

/// Words of [`super::settings::Action`].
const ACTIONS: Kind = Kind::Choice(&["allow", "monitor", "warn", "tokenize", "redact", "block"]);

/// All keys.
#[rustfmt::skip]
pub const KEYS: &[Key] = &[
    key("server.listen", Kind::Addresses, r#"["0.0.0.0:8080"]"#, "Addresses that take traffic."),
    key("server.shards", Kind::Number, "0", "Number of shards, each on a CPU of its own; 0 is one per CPU of the affinity mask."),
    key("server.driver", Kind::Choice(&["auto", "io_uring", "epoll"]), r#""auto""#, "System interface of the shards; auto takes io_uring where kernel and sandbox allow it."),
    key("server.max_connections", Kind::Number, "65536", "Client connections over all shards; further ones are refused."),
    key("server.backlog", Kind::Number, "4096", "Length of the kernel's accept queue per shard."),
    key("server.shutdown_timeout", Kind::Duration, r#""30s""#, "How long running exchanges may take to end after SIGTERM."),
    key("server.public_url", Kind::Text, "", "The gateway's own address for its clients: links in replies that lead to an upstream come back below it. Without it, on loopback, the address that the client asked for; uploads by address need it elsewhere."),
    key("server.hosts", Kind::Texts, "[]", "Names that clients may ask for, besides loopback ones, where on loopback the gateway adds an upstream's key and demands none of its own (403)."),
    key("server.origins", Kind::Texts, "[]", "Origins of web pages that may use the gateway: their browsers may read its replies, and where on loopback it adds a key and demands none, other pages are refused (403)."),
    key("server.sse_keep_alive", Kind::Duration, r#""0s""#, "Silence of an event stream after which the client gets a comment line, so that nothing between takes the connection for dead; 0 is never."),
    key("server.tls.certificates", Kind::Tables, "[]", "Certificates, chosen by SNI; the first serves when no name fits. Plain HTTP without any."),
    key("server.tls.certificates[].cert", Kind::Path, "", "PEM file: leaf first, then intermediates."),
    key("server.tls.certificates[].key", Kind::Path, "", "PEM file with the private key."),
    key("server.tls.client_auth", Kind::Choice(&["off", "optional", "required"]), r#""off""#, "Whether clients present certificates."),
    key("server.tls.client_ca", Kind::Path, "", "PEM file of the authorities that sign client certificates."),
    key("admin.listen", Kind::Address, r#""127.0.0.1:9901""#, "Address of /healthz, /readyz and /metrics. It has no access control: keep it on a trusted network."),
    key("state.dir", Kind::Path, "", "Folder for master key and audit log. Without it: $STATE_DIRECTORY, /var/lib/aegis-gateway for root, $XDG_STATE_HOME/aegis-gateway, ~/.local/state/aegis-gateway."),
    key("cache.dir", Kind::Path, "", "Folder for compiled rules, which make the next start quick; cache in the state folder when absent."),
    key("timeouts.tls_handshake", Kind::Duration, r#""10s""#, "TLS handshake of a client."),
    key("timeouts.request_head", Kind::Duration, r#""15s""#, "From the first byte of a request to the end of its head (408)."),
    key("timeouts.request_body_gap", Kind::Duration, r#""30s""#, "Longest silence inside a request body (408)."),
    key("timeouts.request_body_min_rate", Kind::Number, "256", "Least mean rate of a request body in bytes a second, judged after one gap; 0 is none."),
    key("timeouts.keep_alive", Kind::Duration, r#""2m""#, "Idle client connection between requests."),
    key("timeouts.response_write_gap", Kind::Duration, r#""1m""#, "Longest time a client may refuse to take reply bytes."),
    key("timeouts.resolve", Kind::Duration, r#""5s""#, "One name lookup."),
    key("timeouts.connect", Kind::Duration, r#""5s""#, "One TCP connect to one address of an upstream."),
    key("timeouts.connect_total", Kind::Duration, r#""15s""#, "Connecting to an upstream in all: every address that is tried, TLS handshakes included."),
    key("timeouts.upstream_tls", Kind::Duration, r#""10s""#, "TLS handshake with an upstream."),
    key("timeouts.request_write_gap", Kind::Duration, r#""1m""#, "Longest time an upstream may refuse to take request bytes."),
    key("timeouts.first_byte", Kind::Duration, r#""10m""#, "From the end of the request to the first byte of the reply (504)."),
    key("timeouts.upstream_read_gap", Kind::Duration, r#""2m""#, "Longest silence inside a reply that tells its length and is neither an event stream nor JSON lines."),
    key("timeouts.stream_read_gap", Kind::Duration, r#""15m""#, "Longest silence inside a streamed reply: an event stream, JSON lines, and every reply without a content-length, whatever its label."),
    key("timeouts.idle_pooled", Kind::Duration, r#""50s""#, "Idle upstream connection in the pool."),
    key("timeouts.connection_age", Kind::Duration, r#""1h""#, "Oldest age of a connection on either side; it ends after the exchange that passes it."),
    key("timeouts.hard_stop", Kind::Duration, r#""5s""#, "After shutdown_timeout, how long shards may take to close what is left."),
    key("limits.max_body", Kind::Size, r#""64MiB""#, "Largest request body, counted before and after decoding (413)."),
    key("limits.max_head", Kind::Size, r#""64KiB""#, "Largest request or reply head (431)."),
    key("limits.max_fields", Kind::Number, "128", "Most fields in a head (431)."),
    key("limits.max_decode_ratio", Kind::Number, "200", "Largest growth of a compressed body when decoded (413)."),
    key("limits.buffers_per_shard", Kind::Size, r#""256MiB""#, "Memory for bodies in flight per shard; beyond it new requests get 503."),
    key("limits.idle_per_upstream", Kind::Number, "64", "Idle upstream connections per shard and upstream."),
    key("limits.requests_per_connection", Kind::Number, "0", "Requests on one client connection before it is closed; 0 is no limit."),
    key("upstreams.*.url", Kind::Text, "", "http:// or https://, host, optional port and base path. Required unless the name is built in."),
    key("upstreams.*.provider", Kind::Choice(&["openai", "anthropic", "google", "generic"]), "", "Whose API it speaks: error shape and header style. Guessed from the name when absent."),
    key("upstreams.*.api_key", Kind::Secret, "", "The provider's key, sent instead of the client's. At most one of the three api_key keys."),
    key("upstreams.*.api_key_file", Kind::Path, "", "File holding the key; read again at every reload."),
    key("upstreams.*.api_key_env", Kind::Text, "", "Environment variable holding the key."),
    key("upstreams.*.key_header", Kind::Choice(&["bearer", "x-api-key", "x-goog-api-key", "api-key"]), "", "Header that carries the key; the provider's own when absent."),
    key("upstreams.*.idempotency_header", Kind::Text, "", "Request header by which it tells a repeated request from a new one, such as \"idempotency-key\"; requests that carry it are sent again when a connection breaks."),
    key("upstreams.*.roots", Kind::Choice(&["webpki", "system", "file"]), r#""webpki""#, "Trusted authorities: Mozilla's list, the operating system's store, or the file `ca` alone."),
    key("upstreams.*.ca", Kind::Path, "", "PEM file of authorities, for roots = \"file\"."),
    key("upstreams.*.client_cert", Kind::Path, "", "PEM certificate chain shown to the upstream."),
    key("upstreams.*.client_key", Kind::Path, "", "PEM private key of client_cert."),
    key("upstreams.*.redirect_hosts", Kind::Texts, "[]", "Other hosts to which the upstream may redirect a request with its body, or have files uploaded, past the gateway; *.name stands for all below it. Others are refused (502)."),
    key("upstreams.*.connect_timeout", Kind::Duration, "", "Overrides timeouts.connect."),
    key("upstreams.*.first_byte_timeout", Kind::Duration, "", "Overrides timeouts.first_byte."),
    key("upstreams.*.read_gap_timeout", Kind::Duration, "", "Overrides timeouts.upstream_read_gap."),
    key("upstreams.*.stream_gap_timeout", Kind::Duration, "", "Overrides timeouts.stream_read_gap."),
    key("auth.mode", Kind::Choice(&["auto", "none", "keys"]), r#""auto""#, "Whether a gateway key is demanded; auto demands one as soon as one is listed."),
    key("auth.keys", Kind::Tables, "[]", "The keys, as hashes; `aegis-gateway key new` makes one."),
    key("auth.keys[].id", Kind::Text, "", "Name of the key in logs and audit."),
    key("auth.keys[].sha256", Kind::Text, "", "SHA-256 of the key, 64 hexadecimal digits."),
    key("auth.keys[].org", Kind::Text, "", "Organisation the key belongs to."),
    key("auth.keys[].user", Kind::Text, "", "User or team the key belongs to."),
    key("auth.keys[].upstreams", Kind::Texts, "[]", "Upstreams the key may use; all when empty."),
    key("auth.keys[].disabled", Kind::Switch, "false", "Refused when true."),
    key("policy.default", ACTIONS, r#""tokenize""#, "What is done with a finding where nothing more specific is said."),
    key("policy.fail_mode", Kind::Choice(&["closed", "open"]), r#""closed""#, "What happens when something cannot be scanned or recorded: refuse it, or let it pass, loudly."),
    key("policy.opaque", Kind::Choice(&["pass", "refuse"]), r#""pass""#, "What happens to images, audio, video, PDF, archives and office files, whose text is not read: let them pass, told by type and size in audit and metrics, or refuse the request."),
    key("policy.min_confidence", Kind::Choice(&["low", "medium", "high"]), r#""medium""#, "Findings below this confidence are ignored, save those of rules that `policy.rules` names. Low: told by a name alone, with a wrong check value, and names of resources; medium: told by surroundings, or a known prefix with a wrong check value; high: unmistakable."),
    key("policy.findings_header", Kind::Choice(&["never", "on-request", "always"]), r#""on-request""#, "When replies carry x-aegis-findings, counts by category."),
    key("policy.rules.*", ACTIONS, "", "Action by rule id; it counts at any confidence."),
    key("policy.categories.*", ACTIONS, "", "Action by category: key, secret, token, conn, pkey, user, host, pii."),
    key("policy.allow_sha256", Kind::Texts, "[]", "SHA-256 of values that are not secrets."),
    key("policy.allow_regex", Kind::Texts, "[]", "Regular expressions of values that are not secrets, matched against the whole value."),
    key("rules.packs", Kind::Choices(&["personal"]), "[]", "Packs of built-in rules that are off otherwise: personal (personal data and addresses of machines)."),
    key("rules.custom", Kind::Texts, "[]", "Rule files of your own, in addition to the built-in rules."),
    key("known_values.file", Kind::Path, "", "List of your own secrets as keyed hashes, written by `aegis-gateway known`; they are found wherever they stand."),
    key("known_values.key_file", Kind::Path, "", "Key of that list. Without it known.key in the state folder, created with the first list."),
    key("tokens.key", Kind::Secret, "", "Master key, 64 hexadecimal digits; meant for the environment."),
    key("tokens.key_file", Kind::Path, "", "Master key file. Without it master.key in the state folder, created on first start."),
    key("tokens.organisation", Kind::Text, r#""default""#, "Organisation that tokens are derived for: another name, other tokens."),
    key("tokens.epoch", Kind::Letter, r#""0""#, "Epoch that mints new tokens, visible in them; change it to rotate."),
    key("tokens.older_epochs", Kind::Texts, "[]", "Earlier epochs that are still recognised."),
    key("session.enabled", Kind::Switch, "false", "Whether requests may name a session with x-aegis-session, for APIs that keep the history on their side."),
    key("session.ttl", Kind::Duration, r#""1h""#, "How long an unused session is kept."),
    key("session.max_sessions", Kind::Number, "1000", "Sessions of the process. When there are more, the longest unused of 64 goes."),
    key("session.max_secrets", Kind::Number, "10000", "Secrets per session."),
    key("log.format", Kind::Choice(&["text", "json"]), r#""text""#, "How log lines look."),
    key("log.level", Kind::Text, r#""info""#, "Least level (error, warn, info, debug, trace), or a filter like \"info,aegis_gateway::control=debug\"."),
    key("log.access", Kind::Text, r#""off""#, "Access log: off, stdout, stderr or a file."),
    key("log.group_read", Kind::Switch, "false", "Whether the group of the access and audit files may read them: mode 0640 instead of 0600."),
    key("audit.enabled", Kind::Switch, "true", "Whether one audit event per request is written."),
    key("audit.file", Kind::Path, "", "JSON-lines file; audit.jsonl in the state folder when absent."),
    key("audit.sync", Kind::Choice(&["none", "second", "batch"]), r#""second""#, "When events are forced to the disk: never, once a second, after each batch."),
    key("audit.rotate_size", Kind::Size, r#""256MiB""#, "Size at which the file is set aside and a new one begun; 0 is never. Nothing is deleted."),
    key("audit.ring", Kind::Number, "8192", "Events that may wait per shard while the writer is behind."),
];

/// Whether the concrete `path` fits `pattern` (`*` one part, `[]` any index).
fn fits(pattern: &str, path: &str) -> bool {
    let mut wanted = pattern.split('.');
    let mut given = path.split('.');
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (Some(wanted), Some(given)) => {
                let same = match (wanted.strip_suffix("[]"), given.split_once('[')) {
                    (Some(wanted), Some((given, _))) => wanted == given,
                    (None, None) => wanted == "*" || wanted == given,
                    _ => false,
                };
                if !same {
                    return false;
                }
            }
            _ => return false,
        }
    }
}

/// The key that `path` names.
pub fn find(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| fits(key.path, path))
}

/// Whether `path` is a section: something above at least one key.
pub fn is_section(path: &str) -> bool {
    let depth = path.split('.').count();
    KEYS.iter().any(|key| {
        let above: Vec<&str> = key.path.split('.').take(depth).collect();
        key.path.split('.').count() > depth && fits(&above.join("."), path)
    })
}

/// What is wrong with a key nobody knows, and what it may have been meant for.
pub fn explain_unknown(path: &str) -> (String, String) {
    let (above, name) = path.rsplit_once('.').unwrap_or(("", path));
    let depth = path.split('.').count();
    let siblings: Vec<&str> = siblings(above, depth);
    let near = nearest(name, siblings.iter().copied());
    let elsewhere =
        KEYS.iter().find(|key| key.path.rsplit('.').next() == Some(name) && !key.path.contains('['));
    let help = match (near, elsewhere) {
        (Some(near), _) => format!("did you mean `{near}`?"),
        (None, Some(other)) => format!("there is `{}`", other.path),
        (None, None) if siblings.is_empty() => String::new(),
        (None, None) => format!("known here: {}", siblings.join(", ")),
    };
    (if above.is_empty() { "unknown section".to_owned() } else { "unknown key".to_owned() }, help)
}

/// Names that may stand at `depth` below `above`.
fn siblings(above: &str, depth: usize) -> Vec<&'static str> {
    let mut names: Vec<&'static str> = KEYS
        .iter()
        .filter(|key| {
            let parts: Vec<&str> = key.path.split('.').take(depth - 1).collect();
            key.path.split('.').count() >= depth && (depth == 1 || fits(&parts.join("."), above))
        })
        .filter_map(|key| key.path.split('.').nth(depth - 1))
        .map(|name| name.trim_end_matches("[]"))
        .filter(|name| *name != "*")
        .collect();
    names.dedup();
    names
}

/// The candidate most like `name`, when one is like enough.
pub fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_ascii_lowercase().replace('-', "_");
    candidates
        .map(|candidate| (strsim::damerau_levenshtein(&name, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.len().max(name.len()) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// What is wrong with the value of a known key, from serde's `message`, and what may stand there.
pub fn explain_value(path: &str, message: &str) -> (String, String) {
    let Some(key) = find(path) else {
        return (message.to_owned(), String::new());
    };
    let got = message.strip_prefix("invalid type: ").or_else(|| message.strip_prefix("invalid value: "));
    let what = match got.and_then(|got| got.rsplit_once(", expected ")) {
        Some((got, _)) => format!("{} cannot stand here", got.replace('`', "")),
        None if message.starts_with("unknown variant ") => {
            format!("{} is not a choice", message["unknown variant ".len()..].split(',').next().unwrap_or(""))
        }
        None => message.to_owned(),
    };
    (hide_secret(key, what), format!("expected {}", key.kind.describe()))
}

/// serde quotes the wrong value in its message; that of a secret must not be shown.
fn hide_secret(key: &Key, what: String) -> String {
    if key.kind == Kind::Secret { "not a text".to_owned() } else { what }
}

/// The table of all keys for the README, in Markdown.
pub fn markdown() -> String {
    let mut table = String::from("| key | takes | default | meaning |\n|---|---|---|---|\n");
    for key in KEYS {
        let default = if key.default.is_empty() { String::new() } else { format!("`{}`", key.default) };
        let takes = match key.kind {
            Kind::Choice(words) => words.join(", "),
            Kind::Choices(words) => format!("list of {}", words.join(", ")),
            kind => format!("{kind:?}").to_lowercase(),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(table, "| `{}` | {takes} | {default} | {} |", key.path, key.help);
    }
    table
}
