//! The listener for gateways.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use aegis_proto::v1::FILE_DESCRIPTOR_SET;
use aegis_proto::v1::audit_service_server::AuditServiceServer;
use aegis_proto::v1::enrolment_service_server::EnrolmentServiceServer;
use aegis_proto::v1::fleet_service_server::FleetServiceServer;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Server;
use tracing::{debug, warn};

use super::audit::Audit;
use super::connections::ConnectionLimit;
use super::enrolment::Enrolment;
use super::fleet::Fleet;
use super::tls::{RENEWED_EVERY, ServerTls};
use crate::config::Grpc;
use crate::service::Service;

/// Longest message in bytes: a batch and what belongs to it.
const MAX_MESSAGE_BYTES: usize = 8 << 20;
/// Longest TLS handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Connections that have been accepted and wait to be served.
const ACCEPTED: usize = 64;
/// Pings on connections that are silent. Gateways ping, too; both find a peer that is gone.
const PING_EVERY: Duration = Duration::from_secs(30);
/// How long a ping may take.
const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// Calls that one connection may have open.
const MAX_CALLS: u32 = 64;
/// Longest that calls may take to end when the coordinator stops. Streams end then, and gateways find another coordinator.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(5);

/// A listener that is bound and not served yet.
#[derive(Debug)]
pub struct Bound(TcpListener);

impl Bound {
    /// Binds the address.
    pub async fn bind(address: SocketAddr) -> io::Result<Bound> {
        TcpListener::bind(address).await.map(Bound)
    }

    /// Where it listens.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// What gateways connect to.
#[derive(Debug)]
pub struct GrpcServer {
    service: Service,
    tls: ServerTls,
    lifetime: Duration,
}

impl GrpcServer {
    /// Prepares it; the error is for people.
    pub fn new(service: Service, settings: &Grpc) -> Result<Self, String> {
        let tls = ServerTls::new(service.authority.clone(), &settings.names)
            .map_err(|error| format!("grpc.names: {error}"))?;
        Ok(GrpcServer { service, tls, lifetime: settings.certificate_lifetime })
    }

    /// Serves gateways until `stop` says so, and a short while longer.
    pub async fn serve(self, bound: Bound, mut stop: watch::Receiver<bool>) -> Result<(), String> {
        let limit = ConnectionLimit::new(self.service.settings.connections_per_organisation as usize);
        let enrolment = Enrolment { service: self.service.clone(), lifetime: self.lifetime };
        let audit = Audit { service: self.service.clone(), limit: limit.clone() };
        let fleet = Fleet { service: self.service.clone(), limit };
        let (health, health_service) = tonic_health::server::health_reporter();
        health.set_serving::<AuditServiceServer<Audit>>().await;
        let reflection = tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
            .build_v1()
            .map_err(|error| format!("gRPC reflection: {error}"))?;
        let router = Server::builder()
            .http2_keepalive_interval(Some(PING_EVERY))
            .http2_keepalive_timeout(Some(PING_TIMEOUT))
            .max_concurrent_streams(MAX_CALLS)
            .add_service(health_service)
            .add_service(reflection)
            .add_service(EnrolmentServiceServer::new(enrolment))
            .add_service(AuditServiceServer::new(audit).max_decoding_message_size(MAX_MESSAGE_BYTES))
            .add_service(FleetServiceServer::new(fleet));

        let (accepted, incoming) = mpsc::channel(ACCEPTED);
        let accepting = tokio::spawn(accept(bound.0, self.tls.clone(), accepted));
        let renewing = tokio::spawn(renew(self.tls));
        let mut asked = stop.clone();
        let serving = router.serve_with_incoming_shutdown(ReceiverStream::new(incoming), async move {
            // An error means that nobody can ask any more.
            let _ = asked.wait_for(|stop| *stop).await;
        });
        let overdue = async {
            let _ = stop.wait_for(|stop| *stop).await;
            tokio::time::sleep(SHUTDOWN_GRACE).await;
        };
        // Streams of gateways do not end by themselves, so the wait for them has an end of its own.
        let served = tokio::select! {
            served = serving => served.map_err(|error| format!("gRPC: {error}")),
            () = overdue => Ok(()),
        };
        accepting.abort();
        renewing.abort();
        served
    }
}

/// Accepts connections, each handshake in a task of its own: a slow one keeps nobody waiting.
async fn accept(
    listener: TcpListener,
    tls: ServerTls,
    accepted: mpsc::Sender<io::Result<TlsStream<TcpStream>>>,
) {
    loop {
        let (socket, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                warn!(%error, "cannot accept a connection of a gateway");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let acceptor = TlsAcceptor::from(tls.current());
        let accepted = accepted.clone();
        tokio::spawn(async move {
            let _ = socket.set_nodelay(true);
            match tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(socket)).await {
                // An error means that the server has stopped.
                Ok(Ok(stream)) => drop(accepted.send(Ok(stream)).await),
                Ok(Err(error)) => debug!(%peer, %error, "a TLS handshake failed"),
                Err(_) => debug!(%peer, "a TLS handshake took too long"),
            }
        });
    }
}

/// Makes the coordinator's certificate anew, as long as it runs.
async fn renew(tls: ServerTls) {
    loop {
        tokio::time::sleep(RENEWED_EVERY).await;
        if let Err(error) = tls.renew() {
            warn!(%error, "cannot renew the coordinator's certificate");
        }
    }
}
