//! The state shards work from: built once off their path, immutable, swapped in whole.
//!
//! A shard keeps its own `Arc<Snapshot>` and asks [`SnapshotHandle::generation`] (one relaxed load) whether a newer one
//! is there. A request is finished with the snapshot it began with. A rebuild that fails changes nothing.

pub mod build;
pub mod certificates;
mod custom_rules;
mod files;
mod gateway_keys;
mod keys;
mod own_secrets;
mod pem_files;
mod policy;
mod restore;
#[cfg(test)]
mod tests;
mod tls;
mod tls_health;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};
use std::time::Duration;

use aegis_shield::Shield;
use aegis_shield::reply::{HostNames, RestorePolicy};
use aegis_wire::tls::Validity;
use arc_swap::ArcSwap;
use sha2::{Digest, Sha256};

use self::certificates::OwnCertificate;
pub use self::gateway_keys::{GatewayKeys, HashedKey};
pub use self::tls_health::TlsHealth;
use crate::browser::Sites;
use crate::config::Secret;
use crate::config::settings::{FailMode, FindingsHeader, Limits, Provider, Recall, Session, Timeouts};

/// Everything a shard needs to judge and forward requests.
#[derive(Debug)]
pub struct Snapshot {
    /// Counts up with every successful build, from 1.
    pub generation: u64,
    /// Size and count limits.
    pub limits: Limits,
    /// One time limit per phase.
    pub timeouts: Timeouts,
    /// All upstreams, in the order of their names.
    pub upstreams: Vec<Arc<Upstream>>,
    /// Who may use the gateway.
    pub auth: Auth,
    /// Names of the gateway and web pages that may use it.
    pub sites: Sites,
    /// The gateway's own address for its clients, without a trailing slash.
    pub public_url: Option<Box<str>>,
    /// What happens when something cannot be scanned or recorded.
    pub fail_mode: FailMode,
    /// When replies carry `x-aegis-findings`.
    pub findings_header: FindingsHeader,
    /// Named sessions.
    pub session: Session,
    /// What is remembered of a client's requests.
    pub recall: Recall,
    /// Silence of an event stream after which the client gets a comment line; zero is never.
    pub sse_keep_alive: Duration,
    /// Rules, policy and token keys.
    pub shield: Arc<Shield>,
    /// Which tokens of replies become values again.
    pub restore: Arc<RestorePolicy>,
    /// TLS towards clients; none for plain HTTP.
    pub server_tls: Option<Arc<rustls::ServerConfig>>,
    /// The certificates that the gateway shows to clients and upstreams.
    pub certificates: Vec<OwnCertificate>,
    /// Whether audit events are written; without them no slot in the ring is reserved.
    pub audit: bool,
    by_name: HashMap<Box<str>, usize>,
}

#[cfg(test)]
impl Snapshot {
    /// A snapshot for tests: no keys, no TLS, default limits.
    pub(crate) fn for_tests(upstreams: Vec<Arc<Upstream>>, shield: Arc<Shield>) -> Self {
        let by_name = upstreams.iter().enumerate().map(|(index, up)| (Box::from(&*up.name), index)).collect();
        Snapshot {
            generation: 1,
            limits: Limits::default(),
            timeouts: Timeouts::default(),
            upstreams,
            auth: Auth::None,
            sites: Sites::default(),
            public_url: None,
            fail_mode: FailMode::Closed,
            findings_header: FindingsHeader::OnRequest,
            session: Session::default(),
            recall: Recall::default(),
            sse_keep_alive: Duration::ZERO,
            server_tls: None,
            certificates: Vec::new(),
            audit: true,
            shield,
            restore: Arc::default(),
            by_name,
        }
    }
}

impl Snapshot {
    /// Names of the upstreams whose key the gateway adds for everybody who reaches it.
    pub fn keys_for_everybody(&self) -> Vec<&str> {
        self.upstreams.iter().filter(|upstream| self.is_guarded(upstream, true)).map(|up| &*up.name).collect()
    }

    /// Whether a request to `upstream` is looked at for what host it asks for and what web page sends it: where it
    /// would spend a key of the gateway's without showing one, on loopback, whose users nothing else distinguishes.
    /// Whoever opens such a gateway to a network opens it to every program there, so a page's origin says nothing more.
    pub fn is_guarded(&self, upstream: &Upstream, loopback: bool) -> bool {
        loopback && matches!(self.auth, Auth::None) && upstream.has_credential()
    }

    /// The upstream of that name; names are lower case.
    pub fn upstream(&self, name: &str) -> Option<&Arc<Upstream>> {
        self.by_name.get(name).and_then(|index| self.upstreams.get(*index))
    }
}

/// One provider the gateway forwards to.
#[derive(Debug)]
pub struct Upstream {
    /// Name in the configuration and in `/<name>/...`.
    pub name: Arc<str>,
    /// Whose API it speaks.
    pub provider: Provider,
    /// Host name or address without brackets, for SNI.
    pub host: Arc<str>,
    /// Port.
    pub port: u16,
    /// Value of `host`: with brackets where needed, with the port where it is not the scheme's own.
    pub authority: Arc<str>,
    /// Path put before that of the request: empty, or `/...` without a trailing slash.
    pub base_path: Arc<str>,
    /// TLS towards it; none for `http://`.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// Where it is reached. Shared by all generations that name the same host and port.
    pub addresses: Arc<Addresses>,
    /// The provider's key that replaces the client's.
    pub key: Option<UpstreamKey>,
    /// What went wrong last with TLS towards it. Shared by all generations with the same TLS towards the same address.
    pub tls_health: Arc<TlsHealth>,
    /// When the client certificate that it is shown is valid; none without one.
    pub client_certificate: Option<Validity>,
    /// Request field by which the upstream recognises a repeated request, in lower case.
    pub idempotency_header: Option<Arc<str>>,
    /// Time limits with the upstream's own applied.
    pub timeouts: Timeouts,
    /// Index into [`crate::metrics::ShardMetrics::upstreams`]; the same over reloads.
    pub slot: usize,
    /// Equal in two generations when pooled connections of one may serve the other.
    pub identity: TrustIdentity,
    /// Hosts that it may send clients on to with the bodies of their requests; `*.` stands for all below a name.
    pub redirect_hosts: HostNames,
    /// Whether values of requests to it are remembered.
    pub recall: bool,
    /// Named in the configuration, so that its name counts for readiness; false for other built-in ones.
    pub needed: bool,
}

impl Upstream {
    /// Whether the gateway lets its clients in there by something of its own: a key, or a client certificate.
    pub fn has_credential(&self) -> bool {
        self.key.is_some() || self.client_certificate.is_some()
    }
}

/// Where connections lead and which authorities they trust: a SHA-256 over address, TLS settings and certificates, so
/// that two upstreams never share connections, nor two configurations TLS sessions, by a collision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct TrustIdentity([u8; 32]);

impl TrustIdentity {
    /// The identity of what these parts say, each separated from the next by its length.
    pub fn of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Self(hash.finalize().into())
    }
}

/// A header that carries the provider's key.
#[derive(Debug)]
pub struct UpstreamKey {
    /// Field name in lower case.
    pub name: &'static str,
    /// Complete value, `Bearer ` included.
    pub value: Secret,
}

/// The addresses of a host, published by the control thread, and what both sides say about its name.
#[derive(Debug, Default)]
pub struct Addresses {
    found: ArcSwap<Vec<SocketAddr>>,
    /// A lookup has ended, whatever it found.
    was_looked_up: AtomicBool,
    /// The last lookup failed.
    is_failing: AtomicBool,
    /// A shard could not connect.
    is_lookup_requested: AtomicBool,
}

impl Addresses {
    /// A host known by its address; never resolved.
    pub fn fixed(address: SocketAddr) -> Self {
        Addresses {
            found: ArcSwap::from_pointee(vec![address]),
            was_looked_up: AtomicBool::new(true),
            ..Addresses::default()
        }
    }

    /// The addresses to try, in turn. Empty until the name was resolved once. A failed refresh keeps the old ones.
    pub fn get(&self) -> arc_swap::Guard<Arc<Vec<SocketAddr>>> {
        self.found.load()
    }

    /// Publishes what is to be tried until a lookup has ended.
    pub fn assume(&self, addresses: Vec<SocketAddr>) {
        self.found.store(Arc::new(addresses));
    }

    /// Publishes what a lookup found.
    pub fn set(&self, addresses: Vec<SocketAddr>) {
        self.found.store(Arc::new(addresses));
        self.set_looked_up(true);
    }

    /// Says that a lookup has ended, and whether it found addresses.
    pub fn set_looked_up(&self, has_found: bool) {
        self.is_failing.store(!has_found, Relaxed);
        self.was_looked_up.store(true, Release);
    }

    /// Whether a lookup has ended, whatever it found.
    pub fn was_looked_up(&self) -> bool {
        self.was_looked_up.load(Acquire)
    }

    /// Whether the last lookup failed.
    pub fn is_failing(&self) -> bool {
        self.is_failing.load(Relaxed)
    }

    /// Asks for a lookup soon: no connection came about where the last one led to.
    pub fn request_lookup(&self) {
        // While many requests fail, shards read this and do not write it.
        if !self.is_lookup_requested() {
            self.is_lookup_requested.store(true, Relaxed);
        }
    }

    /// Whether a lookup was asked for.
    pub fn is_lookup_requested(&self) -> bool {
        self.is_lookup_requested.load(Relaxed)
    }

    /// Says that the lookup that was asked for has begun.
    pub fn clear_doubt(&self) {
        self.is_lookup_requested.store(false, Relaxed);
    }
}

/// Who may use the gateway.
#[derive(Debug)]
pub enum Auth {
    /// Everybody who reaches the listener.
    None,
    /// Holders of one of these keys; with none, nobody.
    Keys(GatewayKeys),
}

/// Where the newest snapshot is published.
#[derive(Debug)]
pub struct SnapshotHandle {
    current: ArcSwap<Snapshot>,
    generation: AtomicU64,
}

impl SnapshotHandle {
    /// Publishes the first snapshot.
    pub fn new(first: Snapshot) -> Self {
        let generation = AtomicU64::new(first.generation);
        SnapshotHandle { current: ArcSwap::from_pointee(first), generation }
    }

    /// Generation of the newest snapshot: compare with the one held, then [`SnapshotHandle::load`] when it differs.
    pub fn generation(&self) -> u64 {
        self.generation.load(Acquire)
    }

    /// The newest snapshot.
    pub fn load(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// Replaces the snapshot.
    pub fn publish(&self, next: Arc<Snapshot>) {
        let generation = next.generation;
        self.current.store(next);
        self.generation.store(generation, Release);
    }
}
