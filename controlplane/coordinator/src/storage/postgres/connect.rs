//! Connections to a server: URLs, verified TLS, pools.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{Config, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::storage::error::{Error, Result};

/// For how long a connection is tried.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// For how long one waits for a connection of the pool.
const POOL_TIMEOUT: Duration = Duration::from_secs(10);
/// When the kernel begins to ask whether the server is still there.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);

/// A server and a role on it.
pub(super) struct Target {
    config: Config,
    tls: MakeRustlsConnect,
}

/// The connection's half that must be polled, whatever TLS it has.
pub(super) type Connection = tokio_postgres::Connection<
    Socket,
    <MakeRustlsConnect as tokio_postgres::tls::MakeTlsConnect<Socket>>::Stream,
>;

impl Target {
    /// Reads a URL. A server that is neither on this machine nor named with `sslmode=disable` must speak TLS.
    pub(super) fn parse(name: &str, url: &str, roots: Option<&Path>) -> Result<Target> {
        // Every TLS connection is verified in full here; other clients spell that so.
        let url = url.replace("sslmode=verify-full", "sslmode=require");
        let mut config: Config = url.parse().map_err(|error: tokio_postgres::Error| {
            // The error names what it did not understand, which may be a part of the password.
            let _ = error;
            Error::Configuration(format!(
                "the {name} URL of the database is not understood: it should read \
                 postgres://ROLE:PASSWORD@HOST:PORT/DATABASE"
            ))
        })?;
        if config.get_user().is_none() {
            return Err(Error::Configuration(format!("the {name} URL of the database names no role")));
        }
        let is_local = config.get_hosts().iter().all(|host| match host {
            Host::Unix(_) => true,
            Host::Tcp(host) => {
                host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
            }
        });
        if config.get_ssl_mode() == SslMode::Prefer {
            config.ssl_mode(if is_local { SslMode::Disable } else { SslMode::Require });
        }
        config.connect_timeout(CONNECT_TIMEOUT).keepalives_idle(KEEPALIVE_IDLE);
        if config.get_application_name().is_none() {
            config.application_name("aegis-coordinator");
        }
        let tls = if config.get_ssl_mode() == SslMode::Disable {
            RootCertStore::empty()
        } else {
            root_store(roots)?
        };
        Ok(Target { config, tls: MakeRustlsConnect::new(client_config(tls)?) })
    }

    /// The role's name.
    pub(super) fn role(&self) -> &str {
        self.config.get_user().unwrap_or_default()
    }

    /// The role's password, if the URL has one.
    pub(super) fn password(&self) -> Option<&[u8]> {
        self.config.get_password()
    }

    /// A pool of connections, made when they are wanted. What its last user left behind is cleaned before another one
    /// gets it.
    pub(super) fn pool(&self, size: usize) -> Result<Pool> {
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Clean };
        let manager = Manager::from_config(self.config.clone(), self.tls.clone(), recycling);
        Pool::builder(manager)
            .max_size(size.max(1))
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(POOL_TIMEOUT))
            .create_timeout(Some(CONNECT_TIMEOUT))
            .recycle_timeout(Some(CONNECT_TIMEOUT))
            .build()
            .map_err(|error| Error::Configuration(error.to_string()))
    }

    /// One connection of its own, in a pool of one, so that it is used like all others.
    pub(super) async fn connect(&self) -> Result<Object> {
        self.pool(1)?.get().await.map_err(|error| Error::Unavailable(pool_fault(&error)))
    }

    /// One connection whose messages the caller reads.
    pub(super) async fn connect_raw(&self) -> Result<(tokio_postgres::Client, Connection)> {
        self.config.connect(self.tls.clone()).await.map_err(|error| Error::Unavailable(reason(&error)))
    }
}

/// What a pool's error says. Reasons of the server are told without values.
pub(super) fn pool_fault(error: &PoolError) -> String {
    match error {
        PoolError::Backend(error) => reason(error),
        PoolError::Timeout(_) => "no connection was free in time".into(),
        other => other.to_string(),
    }
}

/// An error with its cause: alone it reads `error connecting to server`.
pub(super) fn reason(error: &tokio_postgres::Error) -> String {
    if let Some(server) = error.as_db_error() {
        return server.message().to_owned();
    }
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

fn root_store(file: Option<&Path>) -> Result<RootCertStore> {
    let mut store = RootCertStore::empty();
    let Some(path) = file else {
        store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        return Ok(store);
    };
    let wrong = |reason: String| Error::Configuration(format!("{}: {reason}", path.display()));
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| wrong(error.to_string()))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
        store.add(certificate).map_err(|error| wrong(error.to_string()))?;
    }
    if store.is_empty() { Err(wrong("holds no certificate".into())) } else { Ok(store) }
}

fn client_config(roots: RootCertStore) -> Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Configuration(error.to_string()))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(url: &str) -> SslMode {
        Target::parse("application", url, None).expect("a URL").config.get_ssl_mode()
    }

    #[test]
    fn servers_elsewhere_must_speak_tls_unless_told_otherwise() {
        assert_eq!(mode("postgres://a:b@db.example:5432/x"), SslMode::Require);
        assert_eq!(mode("postgres://a:b@db.example/x?sslmode=verify-full"), SslMode::Require);
        assert_eq!(mode("postgres://a:b@db.example/x?sslmode=disable"), SslMode::Disable);
        assert_eq!(mode("postgres://a@127.0.0.1/x"), SslMode::Disable);
        assert_eq!(mode("postgres://a@%2Frun%2Fpostgresql/x"), SslMode::Disable);
    }

    #[test]
    fn errors_about_urls_show_no_password() {
        for url in ["postgres://a:s3cr3t@h:port/x", "postgres://a:s3cr3t@h/x?what=s3cr3t", "nonsense s3cr3t"]
        {
            let Err(fault) = Target::parse("owner", url, None) else { panic!("{url} is taken") };
            assert!(!fault.to_string().contains("s3cr3t"), "{fault}");
        }
    }
}
