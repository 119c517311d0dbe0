//! The settings of a gateway: every section and key, declared once (see [`aegis_settings::section!`]).
//!
//! Plain data, deserialised strictly (`deny_unknown_fields`). What a key means for the running program is decided by
//! the snapshot builder; which combinations cannot work, by [`super::validate`].

use std::collections::BTreeMap;

use aegis_settings::section;

mod auth;
mod findings;
mod output;
mod restore;
mod server;
mod tokens;
mod traffic;
mod upstream;

pub use aegis_shield::policy::Action;
pub use auth::{Auth, AuthMode, GatewayKey};
pub use findings::{FailMode, FindingsHeader, KnownValues, Policy, Rules};
pub use output::{Audit, AuditSync, Log, LogFormat};
pub use restore::Restore;
pub use server::{Admin, Cache, Certificate, ClientAuth, Driver, Reload, Server, ServerTls, State};
pub use tokens::{Recall, Session, Tokens, epoch_number};
pub use traffic::{BeyondHold, Limits, RESERVED_PART, Timeouts};
pub use upstream::{KeyHeader, Provider, TrustedRoots, Upstream};

section! {
    /// The whole configuration of a gateway.
    Settings {
        /// Traffic listener, shards, TLS.
        server: Server;
        /// Health, readiness and metrics listener.
        admin: Admin, restart: true;
        /// What a reload may do.
        reload: Reload;
        /// Where the gateway keeps its own files.
        state: State, restart: true;
        /// Where compiled rules are kept.
        cache: Cache, restart: true;
        /// One time limit per phase of an exchange.
        timeouts: Timeouts;
        /// Size and count limits.
        limits: Limits;
        /// The providers, by name. Built-in ones are merged in when the configuration is loaded.
        upstreams: BTreeMap<String, Upstream>;
        /// Who may use the gateway.
        auth: Auth;
        /// What happens to findings.
        policy: Policy;
        /// Additional detection rules.
        rules: Rules;
        /// Values of the organisation that are found wherever they stand.
        known_values: KnownValues;
        /// Which tokens of replies become values again.
        restore: Restore;
        /// The keys that make tokens.
        tokens: Tokens;
        /// Named sessions.
        session: Session;
        /// What is remembered of a client's requests.
        recall: Recall;
        /// Program and access log.
        log: Log, restart: true;
        /// Audit events.
        audit: Audit, restart: true;
    }
}
