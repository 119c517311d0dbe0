//! Upstreams: whether their names are found, they can be reached, and their certificates are right. No request is sent.

use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use aegis_wire::tls::server_name;
use rustls::{ClientConfig, ClientConnection};

use super::diagnosis::Diagnosis;
use crate::snapshot::{Snapshot, Upstream};

/// How long a connection, and each step of a handshake, may take.
const STEP_TIMEOUT: Duration = Duration::from_secs(5);

/// Looks at the upstreams that the configuration names; at the built-in ones where it names none.
pub(super) fn examine(snapshot: &Snapshot, online: bool) -> Vec<Diagnosis> {
    let configured: Vec<_> = snapshot.upstreams.iter().filter(|upstream| upstream.needed).collect();
    let looked_at = if configured.is_empty() { snapshot.upstreams.iter().collect() } else { configured };
    if !online {
        let names: Vec<&str> = looked_at.iter().map(|upstream| &*upstream.name).collect();
        let what = format!("names, connections and certificates were not looked at: {}", names.join(", "));
        return vec![Diagnosis::note(what, "--online looks at them")];
    }
    thread::scope(|scope| {
        let checks: Vec<_> = looked_at.iter().map(|upstream| scope.spawn(|| reach(upstream))).collect();
        let fault = || Diagnosis::problem("a check ended by a fault", "");
        checks.into_iter().map(|check| check.join().unwrap_or_else(|_| fault())).collect()
    })
}

fn reach(upstream: &Upstream) -> Diagnosis {
    let shown = format!("{} ({})", upstream.name, upstream.authority);
    let addresses: Vec<SocketAddr> = match (&*upstream.host, upstream.port).to_socket_addrs() {
        Ok(addresses) => addresses.collect(),
        Err(error) => {
            let help = "does this machine have a network and a resolver? is the name right?";
            return Diagnosis::problem(format!("{shown}: its name is not found: {error}"), help);
        }
    };
    let stream = match connect(&addresses) {
        Ok(stream) => stream,
        Err(error) => {
            let help = "does a firewall stand between? does the upstream run?";
            return Diagnosis::problem(format!("{shown}: cannot be reached: {error}"), help);
        }
    };
    let Some(tls) = &upstream.tls else {
        return Diagnosis::good(format!("{shown} can be reached, without TLS"));
    };
    match handshake(stream, &upstream.host, tls) {
        Ok(()) => Diagnosis::good(format!("{shown} can be reached, and its certificate is right")),
        Err(error) => Diagnosis::problem(
            format!("{shown}: no TLS: {error}"),
            "does a proxy with its own authority stand between? upstreams.NAME.ca names a file of authorities, for roots = \"file\"",
        ),
    }
}

fn connect(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses {
        match TcpStream::connect_timeout(address, STEP_TIMEOUT) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn handshake(mut stream: TcpStream, host: &str, config: &Arc<ClientConfig>) -> io::Result<()> {
    stream.set_read_timeout(Some(STEP_TIMEOUT))?;
    stream.set_write_timeout(Some(STEP_TIMEOUT))?;
    let name = server_name(host).map_err(io::Error::other)?;
    let mut connection = ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?;
    while connection.is_handshaking() {
        connection.complete_io(&mut stream)?;
    }
    Ok(())
}
