//! The shape of the configuration: every section, key, default and unit in one place.
//!
//! Plain data, deserialised strictly (`deny_unknown_fields`): what a key means for the running program is decided by
//! the snapshot builder, what makes a combination invalid by [`super::validate`]. `reference.rs` lists the same keys
//! with their documentation; a test holds the two together.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::secret::Secret;
use super::units;

mod findings;

pub use findings::{
    Action, FailMode, FindingsHeader, KnownValues, MinConfidence, OpaqueMode, Pack, Policy, Rules,
};

/// The whole configuration of a gateway.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Traffic listener, shards, TLS.
    pub server: Server,
    /// Health, readiness and metrics listener.
    pub admin: Admin,
    /// Where the gateway keeps its own files.
    pub state: State,
    /// Where compiled rules are kept.
    pub cache: Cache,
    /// One time limit per phase of an exchange.
    pub timeouts: Timeouts,
    /// Size and count limits.
    pub limits: Limits,
    /// The providers, by name. Built-in ones are merged in when the configuration is loaded.
    pub upstreams: BTreeMap<String, Upstream>,
    /// Who may use the gateway.
    pub auth: Auth,
    /// What happens to findings.
    pub policy: Policy,
    /// Additional detection rules.
    pub rules: Rules,
    /// Values of the organisation that are found wherever they stand.
    pub known_values: KnownValues,
    /// The keys that make tokens.
    pub tokens: Tokens,
    /// Named sessions.
    pub session: Session,
    /// Program and access log.
    pub log: Log,
    /// Audit events.
    pub audit: Audit,
}

/// `[server]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// Addresses that take traffic.
    pub listen: Vec<SocketAddr>,
    /// Number of shards; 0 is one per CPU of the affinity mask.
    pub shards: usize,
    /// Which system interface the shards use.
    pub driver: Driver,
    /// Client connections over all shards; further ones are refused.
    pub max_connections: usize,
    /// Length of the kernel's accept queue per shard.
    pub backlog: u32,
    /// How long running exchanges may take to end after SIGTERM.
    #[serde(with = "units::duration")]
    pub shutdown_timeout: Duration,
    /// The gateway's own address for its clients, for links in replies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_url: Option<String>,
    /// Names under which clients reach it, besides loopback ones, where it adds a key and demands none.
    pub hosts: Vec<String>,
    /// Origins of web pages that may use it.
    pub origins: Vec<String>,
    /// Silence of an event stream after which the client gets a comment line; 0 is never.
    #[serde(with = "units::duration")]
    pub sse_keep_alive: Duration,
    /// TLS towards clients; plain HTTP without certificates.
    pub tls: ServerTls,
}

/// `[server.tls]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerTls {
    /// Certificate chains with their keys, chosen by SNI; the first is used when no name fits.
    pub certificates: Vec<Certificate>,
    /// Whether clients present certificates.
    pub client_auth: ClientAuth,
    /// PEM file of the authorities that sign client certificates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_ca: Option<PathBuf>,
}

/// One certificate of `server.tls.certificates`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// PEM file: leaf first, then intermediates.
    pub cert: PathBuf,
    /// PEM file with the private key.
    pub key: PathBuf,
}

/// Client certificates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientAuth {
    /// Never asked for.
    #[default]
    Off,
    /// Asked for, checked when given.
    Optional,
    /// Asked for; a handshake without one fails.
    Required,
}

/// The system interface the shards use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum Driver {
    /// `io_uring` where kernel and sandbox allow it, epoll elsewhere.
    #[default]
    Auto,
    /// `io_uring`; refuse to start without it.
    IoUring,
    /// epoll.
    Epoll,
}

/// `[admin]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Admin {
    /// Address of `/healthz`, `/readyz` and `/metrics`.
    pub listen: SocketAddr,
}

/// `[state]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct State {
    /// Folder for the master key and the audit log; see [`State::folder`] for the default.
    pub dir: Option<PathBuf>,
}

/// `[cache]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cache {
    /// Folder for compiled rules; see [`crate::rule_cache::RuleCache::of_gateway`] for the default.
    pub dir: Option<PathBuf>,
}

/// `[timeouts]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Timeouts {
    /// Client TLS handshake.
    #[serde(with = "units::duration")]
    pub tls_handshake: Duration,
    /// From the first byte of a request to the end of its head (408).
    #[serde(with = "units::duration")]
    pub request_head: Duration,
    /// Longest silence inside a request body.
    #[serde(with = "units::duration")]
    pub request_body_gap: Duration,
    /// Least mean rate of a request body in bytes a second, judged after one gap; 0 is no least rate.
    pub request_body_min_rate: u64,
    /// Idle client connection between requests.
    #[serde(with = "units::duration")]
    pub keep_alive: Duration,
    /// Longest time a client may refuse to take reply bytes.
    #[serde(with = "units::duration")]
    pub response_write_gap: Duration,
    /// One name lookup by the control thread.
    #[serde(with = "units::duration")]
    pub resolve: Duration,
    /// One TCP connect to one address of an upstream.
    #[serde(with = "units::duration")]
    pub connect: Duration,
    /// Connecting to an upstream in all: every address that is tried, TLS handshakes included.
    #[serde(with = "units::duration")]
    pub connect_total: Duration,
    /// TLS handshake with an upstream.
    #[serde(with = "units::duration")]
    pub upstream_tls: Duration,
    /// Longest time an upstream may refuse to take request bytes.
    #[serde(with = "units::duration")]
    pub request_write_gap: Duration,
    /// From the end of the request to the first byte of the reply.
    #[serde(with = "units::duration")]
    pub first_byte: Duration,
    /// Longest silence inside a reply that is not a stream.
    #[serde(with = "units::duration")]
    pub upstream_read_gap: Duration,
    /// Longest silence inside a streamed reply.
    #[serde(with = "units::duration")]
    pub stream_read_gap: Duration,
    /// Idle upstream connection in the pool.
    #[serde(with = "units::duration")]
    pub idle_pooled: Duration,
    /// Oldest age of a client or pooled upstream connection; it ends after the exchange that passes it.
    #[serde(with = "units::duration")]
    pub connection_age: Duration,
    /// After `server.shutdown_timeout`, how long shards may take to close what is left.
    #[serde(with = "units::duration")]
    pub hard_stop: Duration,
}

/// `[limits]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Largest request body, counted before and after decoding (413).
    #[serde(with = "units::size")]
    pub max_body: u64,
    /// Largest request or reply head (431).
    #[serde(with = "units::size")]
    pub max_head: u64,
    /// Most fields in a head (431).
    pub max_fields: usize,
    /// Largest growth of a compressed body when decoded.
    pub max_decode_ratio: u32,
    /// Memory for bodies in flight per shard; beyond it new requests get 503.
    #[serde(with = "units::size")]
    pub buffers_per_shard: u64,
    /// Idle upstream connections per shard and upstream.
    pub idle_per_upstream: usize,
    /// Requests on one client connection before it is closed; 0 is no limit.
    pub requests_per_connection: u64,
}

/// `[upstreams.<name>]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Upstream {
    /// `http://` or `https://`, host, optional port and base path. Required unless the upstream is built in.
    pub url: Option<String>,
    /// Whose API it speaks; decides error shape and header style. Guessed from the name when absent.
    pub provider: Option<Provider>,
    /// The provider's key, sent instead of the client's. At most one of the three `api_key*`.
    pub api_key: Option<Secret>,
    /// File holding the key.
    pub api_key_file: Option<PathBuf>,
    /// Environment variable holding the key.
    pub api_key_env: Option<String>,
    /// Header that carries the key.
    pub key_header: Option<KeyHeader>,
    /// Request header by which it tells a repeated request from a new one.
    pub idempotency_header: Option<String>,
    /// Which authorities are trusted.
    pub roots: Roots,
    /// PEM file of authorities, for `roots = "file"`.
    pub ca: Option<PathBuf>,
    /// PEM certificate chain shown to the upstream.
    pub client_cert: Option<PathBuf>,
    /// PEM private key of `client_cert`.
    pub client_key: Option<PathBuf>,
    /// Hosts that it may send clients on to with the bodies of their requests.
    pub redirect_hosts: Vec<String>,
    /// Overrides `timeouts.connect`.
    #[serde(with = "units::optional_duration", skip_serializing_if = "Option::is_none")]
    pub connect_timeout: Option<Duration>,
    /// Overrides `timeouts.first_byte`.
    #[serde(with = "units::optional_duration", skip_serializing_if = "Option::is_none")]
    pub first_byte_timeout: Option<Duration>,
    /// Overrides `timeouts.upstream_read_gap`.
    #[serde(with = "units::optional_duration", skip_serializing_if = "Option::is_none")]
    pub read_gap_timeout: Option<Duration>,
    /// Overrides `timeouts.stream_read_gap`.
    #[serde(with = "units::optional_duration", skip_serializing_if = "Option::is_none")]
    pub stream_gap_timeout: Option<Duration>,
    /// Known to the program and not mentioned by anybody: readiness does not wait for it.
    #[serde(skip)]
    pub built_in: bool,
}

/// Whose API an upstream speaks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// `OpenAI` and the many that speak its API.
    Openai,
    /// Anthropic.
    Anthropic,
    /// Google Gemini.
    Google,
    /// Any other HTTP API.
    #[default]
    Generic,
}

/// The header an upstream takes its key in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyHeader {
    /// `authorization: Bearer KEY`
    Bearer,
    /// `x-api-key: KEY` (Anthropic)
    XApiKey,
    /// `x-goog-api-key: KEY` (Google)
    XGoogApiKey,
    /// `api-key: KEY` (Azure)
    ApiKey,
}

/// Which certificate authorities are trusted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Roots {
    /// Mozilla's list, compiled in.
    #[default]
    Webpki,
    /// The operating system's store.
    System,
    /// The PEM file named by `ca`, and nothing else.
    File,
}

/// `[auth]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Auth {
    /// Whether a gateway key is demanded.
    pub mode: AuthMode,
    /// The keys, as hashes.
    pub keys: Vec<GatewayKey>,
}

/// Whether a gateway key is demanded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuthMode {
    /// Demanded as soon as one key is listed.
    #[default]
    Auto,
    /// Never demanded; listing keys is an error.
    None,
    /// Always demanded; with an empty list everything is refused.
    Keys,
}

/// One of `[[auth.keys]]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatewayKey {
    /// Name of the key in logs and audit.
    pub id: String,
    /// SHA-256 of the key, 64 hexadecimal digits.
    pub sha256: String,
    /// Organisation the key belongs to.
    #[serde(default)]
    pub org: Option<String>,
    /// User or team the key belongs to.
    #[serde(default)]
    pub user: Option<String>,
    /// Upstreams the key may use; all when empty.
    #[serde(default)]
    pub upstreams: Vec<String>,
    /// Refused when true, without removing the entry.
    #[serde(default)]
    pub disabled: bool,
}

/// `[tokens]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tokens {
    /// Master key as 64 hexadecimal digits; meant for the environment.
    pub key: Option<Secret>,
    /// Master key file; created on first start when it is the default one.
    pub key_file: Option<PathBuf>,
    /// Organisation that tokens are derived for.
    pub organisation: String,
    /// Epoch that mints new tokens, one digit or letter.
    pub epoch: char,
    /// Earlier epochs that are still recognised.
    pub older_epochs: Vec<char>,
}

/// `[session]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Session {
    /// Whether requests may name a session with `x-aegis-session`.
    pub enabled: bool,
    /// How long an unused session is kept.
    #[serde(with = "units::duration")]
    pub ttl: Duration,
    /// Sessions of the process. When there are more, the longest unused of 64 goes.
    pub max_sessions: usize,
    /// Secrets per session; a request that would pass it is refused.
    pub max_secrets: usize,
}

/// `[log]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// How lines look.
    pub format: LogFormat,
    /// Least level, or a filter such as `info,aegis_gateway::control=debug`.
    pub level: String,
    /// `off`, `stderr`, `stdout` or a file that gets one line per request.
    pub access: String,
    /// Whether the group of access and audit log may read them: mode 0640 instead of 0600.
    pub group_read: bool,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// `[audit]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Audit {
    /// Whether audit events are written.
    pub enabled: bool,
    /// JSON-lines file; `audit.jsonl` in the state folder when absent.
    pub file: Option<PathBuf>,
    /// When written events are forced to the disk.
    pub sync: AuditSync,
    /// Size at which the file is set aside and a new one begun; 0 is never. Nothing is ever deleted.
    #[serde(with = "units::size")]
    pub rotate_size: u64,
    /// Events that may wait per shard while the writer is behind.
    pub ring: usize,
}

/// When audit events are forced to the disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuditSync {
    /// Left to the kernel.
    None,
    /// Once a second while there is something to force.
    #[default]
    Second,
    /// After each batch, every few milliseconds under load.
    Batch,
}

impl Default for Server {
    fn default() -> Self {
        Server {
            listen: vec![SocketAddr::from((Ipv4Addr::UNSPECIFIED, 8080))],
            shards: 0,
            driver: Driver::Auto,
            max_connections: 65_536,
            backlog: 4_096,
            shutdown_timeout: Duration::from_secs(30),
            public_url: None,
            hosts: Vec::new(),
            origins: Vec::new(),
            sse_keep_alive: Duration::ZERO,
            tls: ServerTls::default(),
        }
    }
}

impl Default for Admin {
    fn default() -> Self {
        Admin { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 9901)) }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Timeouts {
            tls_handshake: Duration::from_secs(10),
            request_head: Duration::from_secs(15),
            request_body_gap: Duration::from_secs(30),
            request_body_min_rate: 256,
            keep_alive: Duration::from_secs(120),
            response_write_gap: Duration::from_secs(60),
            resolve: Duration::from_secs(5),
            connect: Duration::from_secs(5),
            connect_total: Duration::from_secs(15),
            upstream_tls: Duration::from_secs(10),
            request_write_gap: Duration::from_secs(60),
            first_byte: Duration::from_secs(600),
            upstream_read_gap: Duration::from_secs(120),
            stream_read_gap: Duration::from_secs(900),
            idle_pooled: Duration::from_secs(50),
            connection_age: Duration::from_secs(3_600),
            hard_stop: Duration::from_secs(5),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            max_body: 64 << 20,
            max_head: 64 << 10,
            max_fields: 128,
            max_decode_ratio: 200,
            buffers_per_shard: 256 << 20,
            idle_per_upstream: 64,
            requests_per_connection: 0,
        }
    }
}

impl Default for Tokens {
    fn default() -> Self {
        Tokens {
            key: None,
            key_file: None,
            organisation: "default".to_owned(),
            epoch: '0',
            older_epochs: Vec::new(),
        }
    }
}

impl Default for Session {
    fn default() -> Self {
        Session { enabled: false, ttl: Duration::from_secs(3_600), max_sessions: 1_000, max_secrets: 10_000 }
    }
}

impl Default for Log {
    fn default() -> Self {
        Log { format: LogFormat::Text, level: "info".to_owned(), access: "off".to_owned(), group_read: false }
    }
}

impl Default for Audit {
    fn default() -> Self {
        Audit { enabled: true, file: None, sync: AuditSync::Second, rotate_size: 256 << 20, ring: 8_192 }
    }
}
