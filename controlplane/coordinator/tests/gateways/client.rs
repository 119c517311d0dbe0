//! A gateway's side of the contract, as small as it can be.

use std::net::SocketAddr;
use std::sync::Arc;

use aegis_proto::v1::EnrolRequest;
use aegis_proto::v1::enrolment_service_client::EnrolmentServiceClient;
use hyper_util::rt::TokioIo;
use rcgen::{CertificateParams, KeyPair, SigningKey as _};
use rustls::RootCertStore;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint, Error, Uri};
use tower::service_fn;

use crate::coordinator::Coordinator;

/// A gateway's identity.
pub(crate) struct Identity {
    /// The gateway's id.
    pub(crate) gateway_id: String,
    /// Certificate of the authority.
    pub(crate) authority: CertificateDer<'static>,
    certificate: CertificateDer<'static>,
    key: KeyPair,
}

impl Identity {
    /// Enrols with a coordinator's join key.
    pub(crate) async fn enrol(coordinator: &Coordinator) -> Identity {
        let key = KeyPair::generate().expect("a key");
        let authority = authority_of(coordinator.grpc).await;
        let channel = channel(coordinator.grpc, &authority, None).await;
        let request = EnrolRequest {
            join_key: coordinator.join_key.clone(),
            signing_request: request(&key),
            name: "test".to_owned(),
            version: "0.1.0".to_owned(),
        };
        let response =
            EnrolmentServiceClient::new(channel).enrol(request).await.expect("enrolled").into_inner();
        assert_eq!(response.organisation_id, coordinator.organisation);
        assert_eq!(response.authorities, [authority.to_vec()]);
        Identity {
            gateway_id: response.gateway_id,
            authority,
            certificate: CertificateDer::from(response.certificates[0].clone()),
            key,
        }
    }

    /// A signing request for its key.
    pub(crate) fn request(&self) -> Vec<u8> {
        request(&self.key)
    }

    /// Signs with its key.
    pub(crate) fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        self.key.sign(bytes).expect("signed")
    }
}

fn request(key: &KeyPair) -> Vec<u8> {
    CertificateParams::default().serialize_request(key).expect("a request").der().to_vec()
}

/// A connection to the coordinator.
pub(crate) async fn channel(
    address: SocketAddr,
    authority: &CertificateDer<'static>,
    identity: Option<&Identity>,
) -> Channel {
    try_channel(address, authority, identity).await.expect("connected")
}

pub(crate) async fn try_channel(
    address: SocketAddr,
    authority: &CertificateDer<'static>,
    identity: Option<&Identity>,
) -> Result<Channel, Error> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.clone()).expect("an authority");
    let config =
        rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots);
    let mut config = match identity {
        Some(identity) => {
            let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(identity.key.serialize_der()));
            config.with_client_auth_cert(vec![identity.certificate.clone()], key).expect("an identity")
        }
        None => config.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    let connector = TlsConnector::from(Arc::new(config));
    let connect = service_fn(move |_: Uri| {
        let connector = connector.clone();
        async move {
            let socket = TcpStream::connect(address).await?;
            let name = ServerName::try_from("localhost").expect("a name");
            connector.connect(name, socket).await.map(TokioIo::new)
        }
    });
    Endpoint::from_static("http://localhost").connect_with_connector(connect).await
}

/// The authority's certificate as the coordinator sends it; a real gateway compares it with its join key's hash.
async fn authority_of(address: SocketAddr) -> CertificateDer<'static> {
    let config =
        rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anybody))
            .with_no_client_auth();
    let socket = TcpStream::connect(address).await.expect("connected");
    let name = ServerName::try_from("localhost").expect("a name");
    let stream = TlsConnector::from(Arc::new(config)).connect(name, socket).await.expect("a handshake");
    let chain = stream.get_ref().1.peer_certificates().expect("certificates");
    chain.last().expect("the authority").clone().into_owned()
}

#[derive(Debug)]
struct Anybody;

impl rustls::client::danger::ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: rustls_pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        rustls::crypto::ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
