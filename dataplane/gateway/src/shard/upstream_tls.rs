//! What went wrong with TLS towards an upstream: counted by its cause, logged once per cause, and named in the
//! reply to the client as far as it says nothing of the network behind the gateway.

use std::{fmt, io};

use aegis_wire::tls::{TlsError, TlsFailure};

use super::state::Shard;
use crate::error_body::Failure;
use crate::events::LogEventLevel;
use crate::snapshot::Upstream;

/// The cause of an error of a connection in its handshake.
pub(super) fn cause(error: &io::Error) -> TlsFailure {
    match tls_error(error) {
        Some(error) => TlsFailure::of(error),
        None if error.kind() == io::ErrorKind::TimedOut => TlsFailure::TimedOut,
        None => TlsFailure::Closed,
    }
}

/// The cause of an error of a connection behind its handshake, if the upstream has refused it only there.
pub(super) fn late_refusal(error: &io::Error) -> Option<TlsFailure> {
    tls_error(error).map(TlsFailure::of).filter(|cause| cause.is_about_client())
}

fn tls_error(error: &io::Error) -> Option<&TlsError> {
    error.get_ref().and_then(|inner| inner.downcast_ref())
}

/// Reports a failure: `detail` says more of it, for the log. Gives the answer for the client.
pub(super) fn report(
    shard: &Shard,
    upstream: &Upstream,
    cause: TlsFailure,
    detail: &dyn fmt::Display,
) -> Failure {
    shard.metrics.upstreams[upstream.slot].tls_failures[cause as usize].inc();
    upstream.tls_health.fail(cause, shard.deadlines.now(), || {
        let Upstream { name, host, .. } = upstream;
        let help = help(cause);
        let detail = format!("{name}: {}: {host}: {} ({detail}){help}", cause.as_str(), cause.explain());
        shard.log_now(LogEventLevel::Error, "no TLS with an upstream", detail)
    });
    let message = format!("no trusted TLS connection to the upstream came about: {}", cause.explain());
    match cause {
        TlsFailure::TimedOut => Failure { message: message.into(), ..Failure::timeout("") },
        _ => Failure { message: message.into(), ..Failure::upstream("") },
    }
}

/// Notes that the upstream has answered on a new connection.
#[inline]
pub(super) fn note_reply(shard: &Shard, upstream: &Upstream) {
    upstream.tls_health.recover(shard.deadlines.now(), || {
        shard.log_now(LogEventLevel::Info, "TLS with an upstream works again", upstream.name.to_string())
    });
}

/// What to do about it, where that is not plain.
fn help(cause: TlsFailure) -> &'static str {
    match cause {
        TlsFailure::NotYetValid => "; is the clock of this machine right?",
        TlsFailure::WrongName => "; the host in the upstream's url must be one that the certificate names",
        TlsFailure::UnknownIssuer => {
            "; for an authority of your own, or a proxy that opens TLS, set the upstream's roots = \"file\" and ca"
        }
        TlsFailure::BadCertificate => {
            "; of a self-signed one that is an authority itself (CaUsedAsEndEntity), make one with CA:FALSE"
        }
        TlsFailure::ClientCertificate | TlsFailure::Refused => {
            "; if it wants a client certificate, set the upstream's client_cert and client_key"
        }
        TlsFailure::NotTls => "; is it http:// or another port?",
        _ => "",
    }
}
