//! The listeners, the shards behind them, and where the gateway keeps its own files.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use aegis_settings::range::{Range, TimeLimit};
use aegis_settings::units;
use aegis_settings::{choices, list_item, section};

/// Most shards; more than any machine this runs on has CPUs.
const MAX_SHARDS: u64 = 1_024;

section! {
    /// `[server]`
    Server {
        /// Addresses that take traffic; "0.0.0.0:8080" is reached from the network, and wants keys and TLS.
        listen: Vec<SocketAddr> = vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 8080))], restart: true;
        /// Number of shards, each on a CPU of its own; 0 is one per CPU of the affinity mask.
        shards: usize,
            range: Range::at_most(MAX_SHARDS, |n| format!("{n} shards are more than {MAX_SHARDS}"))
                .help("0 takes one per CPU"),
            restart: true;
        /// System interface of the shards; auto takes io_uring where kernel and sandbox allow it.
        driver: Driver, restart: true;
        /// Client connections over all shards; further ones are refused.
        max_connections: usize = 65_536,
            range: Range::at_least(1, |_| "0 would refuse every client".to_owned()), restart: true;
        /// Length of the kernel's accept queue per shard.
        backlog: u32 = 4_096, restart: true;
        /// How long the gateway goes on accepting after SIGTERM while it says that it is not ready and ends each
        /// connection with the next reply, so that balancers and clients go elsewhere; 0 stops accepting at once.
        drain_delay: Duration, with: "units::duration", range: TimeLimit::OR_NEVER, restart: true;
        /// How long running exchanges may take to end after that.
        shutdown_timeout: Duration = Duration::from_secs(30), with: "units::duration", restart: true;
        /// The gateway's own address for its clients: links in replies that lead to an upstream come back below it.
        /// Without it, on loopback, the address that the client asked for; uploads by address need it elsewhere.
        public_url: Option<String>, example: r#""https://gateway.example.com""#;
        /// Names that clients may ask for, besides loopback ones, where on loopback the gateway adds an upstream's
        /// key and demands none of its own (403).
        hosts: Vec<String>, example: r#"["gateway.example.com"]"#;
        /// Origins of web pages that may use the gateway: their browsers may read its replies, and where on
        /// loopback it adds a key and demands none, other pages are refused (403).
        origins: Vec<String>, example: r#"["https://app.example.com", "vscode-webview://*"]"#;
        /// Silence of an event stream after which the client gets a comment line, so that nothing between takes the
        /// connection for dead; 0 is never.
        sse_keep_alive: Duration, with: "units::duration", range: TimeLimit::OR_NEVER;
        /// TLS towards clients; plain HTTP without certificates.
        tls: ServerTls;
    }
}

section! {
    /// `[server.tls]`
    ServerTls {
        /// Certificates, chosen by SNI; the first serves when no name fits. Plain HTTP without any.
        certificates: Vec<Certificate>;
        /// Whether clients present certificates.
        client_auth: ClientAuth;
        /// PEM file of the authorities that sign client certificates.
        client_ca: Option<PathBuf>, example: r#""/etc/aegis/client-ca.pem""#;
    }
}

list_item! {
    /// One of `[[server.tls.certificates]]`.
    Certificate {
        /// PEM file: leaf first, then intermediates.
        cert: PathBuf, example: r#""/etc/aegis/cert.pem""#;
        /// PEM file with the private key.
        key: PathBuf, example: r#""/etc/aegis/cert.key""#;
    }
}

section! {
    /// `[admin]`
    Admin {
        /// Address of /healthz, /readyz and /metrics. It has no access control: keep it on a trusted network.
        listen: SocketAddr = SocketAddr::from((Ipv4Addr::LOCALHOST, 9901));
    }
}

section! {
    /// `[reload]`
    Reload {
        /// Whether a reload may take away TLS, client certificates, the gateway's keys, or the last upstream; without it
        /// that takes a restart.
        allow_weaker: bool;
    }
}

section! {
    /// `[state]`
    State {
        /// Folder for master key and audit log. Without it: $STATE_DIRECTORY, /var/lib/aegis-gateway for root,
        /// $XDG_STATE_HOME/aegis-gateway, ~/.local/state/aegis-gateway.
        dir: Option<PathBuf>, example: r#""/var/lib/aegis-gateway""#;
    }
}

section! {
    /// `[cache]`
    Cache {
        /// Folder for compiled rules, which make the next start quick; cache in the state folder when absent.
        dir: Option<PathBuf>, example: r#""/var/cache/aegis-gateway""#;
    }
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

choices!(ClientAuth, Driver);
