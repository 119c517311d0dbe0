//! The settings of a coordinator: every section and key, declared once.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use aegis_settings::range::{Range, TimeLimit};
use aegis_settings::{Secret, choices, section, units};
use serde::{Deserialize, Serialize};

/// Port of the API and the dashboard.
const HTTP_PORT: u16 = 8080;
/// Port that gateways connect to.
const GRPC_PORT: u16 = 9090;
/// Fewest and most events of a batch.
const BATCH: (u64, u64) = (1, 5_000);
/// Shortest and longest wait for a batch to fill, in milliseconds.
const FLUSH_MS: (u64, u64) = (10, 60_000);
/// Longest wait after an edit of a policy, in milliseconds.
const DEBOUNCE_MS_MAX: u64 = 10_000;
/// Shortest and longest silence of a gateway, in seconds.
const STALE_SECS: (u64, u64) = (60, 86_400);
/// Fewest and most connections to the database for each role.
const POOL: (u64, u64) = (1, 200);

fn between(bounds: (u64, u64), what: fn(u64) -> String) -> Range {
    Range::between(bounds.0, bounds.1, what)
}

section! {
    /// The whole configuration of a coordinator.
    Settings {
        /// How it works with its gateways.
        coordinator: Coordinator;
        /// API and dashboard.
        http: Http, restart: true;
        /// What gateways connect to.
        grpc: Grpc, restart: true;
        /// Where everything is kept.
        database: DatabaseSettings, restart: true;
        /// The coordinator's own files.
        state: State, restart: true;
        /// What protects secrets in the database.
        seal: Seal, restart: true;
        /// The program's log.
        log: Log, restart: true;
    }
}

section! {
    /// `[coordinator]`
    Coordinator {
        /// Events of a batch that gateways ship at once; whichever comes first of this and the interval.
        telemetry_batch_size: u32 = 500, range: between(BATCH, |n| format!("{n} is not a number of events for a batch"));
        /// Milliseconds after which a gateway ships a batch that is not full.
        telemetry_flush_interval_ms: u32 = 5_000, range: between(FLUSH_MS, |n| format!("{n} ms is no interval for a batch"));
        /// Milliseconds after the last edit of a policy before it is sent; at the latest 2 s after the first.
        policy_debounce_ms: u32 = 500, range: Range::at_most(DEBOUNCE_MS_MAX, |n| format!("{n} ms is too long to wait"));
        /// Seconds of silence after which a gateway counts as stale.
        health_stale_secs: u32 = 120, range: between(STALE_SECS, |n| format!("{n} s cannot tell a stale gateway"));
        /// Connections that the gateways of one organisation may hold at the same time.
        connections_per_organisation: u32 = 100, range: Range::at_least(1, |_| "no gateway could connect".to_owned());
    }
}

section! {
    /// `[http]`
    Http {
        /// Address of the API and the dashboard.
        listen: SocketAddr = SocketAddr::from((Ipv4Addr::LOCALHOST, HTTP_PORT));
        /// Address as people and programs see it; cookies and links follow it.
        public_url: Option<String>, example: r#""https://aegis.example.com""#;
        /// PEM file with the certificate of the API, then those between it and its authority. Read again when it changes.
        /// Without it the API speaks plain HTTP.
        certificate: Option<PathBuf>, example: r#""/etc/aegis/http.crt""#;
        /// PEM file with that certificate's key.
        key: Option<PathBuf>, example: r#""/etc/aegis/http.key""#;
    }
}

section! {
    /// `[grpc]`
    Grpc {
        /// Address that gateways connect to, always over TLS.
        listen: SocketAddr = SocketAddr::from((Ipv4Addr::LOCALHOST, GRPC_PORT));
        /// Names and addresses by which gateways reach it; its own authority certifies them.
        names: Vec<String> = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
        /// How long a gateway's certificate holds. It is renewed after two thirds.
        certificate_lifetime: Duration = Duration::from_secs(7 * 86_400), with: "units::duration", range: TimeLimit::ABOVE_ZERO;
    }
}

section! {
    /// `[database]`
    DatabaseSettings {
        /// URL of a PostgreSQL server for the application's role. Without it everything is kept in a file.
        url: Option<Secret>;
        /// URL for the role that writes events and can do nothing else.
        ingest_url: Option<Secret>;
        /// URL for the owner's role, past any pooler: for `migrate` and for making partitions.
        owner_url: Option<Secret>;
        /// URL for the application's role past a transaction pooler, for hints of changes.
        direct_url: Option<Secret>;
        /// Whether statements are prepared by name; false behind a transaction pooler older than pgbouncer 1.21.
        prepare: bool = true;
        /// Connections of each role.
        pool_size: u32 = 16, range: between(POOL, |n| format!("{n} connections are not a pool"));
        /// PEM file with the authorities of the server's certificate; the system's when absent.
        root_certificates: Option<PathBuf>, example: r#""/etc/aegis/postgres-ca.pem""#;
        /// File of the embedded database; coordinator.db in the state folder when absent.
        file: Option<PathBuf>, example: r#""/var/lib/aegis-coordinator/coordinator.db""#;
    }
}

section! {
    /// `[state]`
    State {
        /// Folder of the coordinator's own files, for its user only.
        dir: PathBuf = PathBuf::from("/var/lib/aegis-coordinator");
    }
}

section! {
    /// `[seal]`
    Seal {
        /// File with the keys that seal secrets in the database, one a line: an id, a colon, and 64 hexadecimal digits;
        /// the first seals, all open. seal.keys in the state folder when absent, made at the first start; coordinators
        /// that share a database share it, too.
        key_file: Option<PathBuf>, example: r#""/etc/aegis/seal.keys""#;
    }
}

section! {
    /// `[log]`
    Log {
        /// How log lines look.
        format: LogFormat;
        /// Least level (error, warn, info, debug, trace), or a filter like "info,aegis_coordinator::grpc=debug".
        level: String = "info".to_owned();
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

choices!(LogFormat);
