//! The authority that certifies gateways and, towards them, the coordinators.
//!
//! It is made at the first start and lies sealed in the database, so that all coordinators have the same one. A join key
//! carries the hash of its certificate: a gateway knows whom it enrols with before it trusts anybody.

mod store;

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType,
    SerialNumber,
};
use rustls_pki_types::{CertificateDer, CertificateSigningRequestDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

pub use store::load_or_make;

/// What the address of a gateway's identity begins with; its id follows.
const IDENTITY: &str = "aegis://gateway/";
/// How long the authority's own certificate holds.
const AUTHORITY_LIFETIME: Duration = Duration::from_secs(3_650 * 86_400);
/// Certificates hold from this long before they were made, for clocks that are behind.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(300);
/// Bytes of a serial number.
const SERIAL_BYTES: usize = 16;
/// Longest signing request in bytes.
pub const MAX_REQUEST_BYTES: usize = 8 << 10;

/// Why a certificate could not be made.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// The signing request is none, has a wrong signature, or is too long.
    #[error("the signing request cannot be used: {0}")]
    Request(String),
    /// The authority itself does not do.
    #[error("the certificate authority cannot be used: {0}")]
    Authority(String),
}

impl AuthorityError {
    fn of_authority(error: impl std::fmt::Display) -> Self {
        AuthorityError::Authority(error.to_string())
    }
}

/// A certificate for a gateway.
#[derive(Debug, Clone)]
pub struct IssuedCertificate {
    /// The certificate.
    pub certificate: CertificateDer<'static>,
    /// Its serial number in hexadecimal digits.
    pub serial: String,
    /// When it ends.
    pub ends_at: SystemTime,
}

/// The authority, ready to sign.
pub struct Authority {
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").field("hash", &self.hash()).finish_non_exhaustive()
    }
}

impl Authority {
    /// Makes a new one, and gives its key (PKCS #8) to be sealed.
    pub fn generate(now: SystemTime) -> Result<(Authority, Zeroizing<Vec<u8>>), AuthorityError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(AuthorityError::of_authority)?;
        let mut params = params("Aegis gateways", now, AUTHORITY_LIFETIME);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key).map_err(AuthorityError::of_authority)?;
        let key_der = Zeroizing::new(key.serialize_der());
        Ok((Authority { certificate: certificate.der().clone(), issuer: Issuer::new(params, key) }, key_der))
    }

    /// Takes up one that was made before.
    pub fn load(certificate: CertificateDer<'static>, key: &[u8]) -> Result<Authority, AuthorityError> {
        let key = KeyPair::try_from(key).map_err(AuthorityError::of_authority)?;
        let issuer = Issuer::from_ca_cert_der(&certificate, key).map_err(AuthorityError::of_authority)?;
        Ok(Authority { certificate, issuer })
    }

    /// Its certificate.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// SHA-256 of its certificate, which join keys carry.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(&self.certificate).into()
    }

    /// Certifies that the maker of `request` is the gateway `gateway_id`. Of the request only the public key counts.
    pub fn certify_gateway(
        &self,
        request: &[u8],
        gateway_id: &str,
        now: SystemTime,
        lifetime: Duration,
    ) -> Result<IssuedCertificate, AuthorityError> {
        let public_key = read_request(request)?;
        let mut params = params(gateway_id, now, lifetime);
        let identity = format!("{IDENTITY}{gateway_id}").try_into().map_err(AuthorityError::of_authority)?;
        params.subject_alt_names = vec![SanType::URI(identity)];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let serial = serial();
        params.serial_number = Some(SerialNumber::from_slice(&serial));
        let certificate = params
            .signed_by(&public_key, &self.issuer)
            .map_err(|error| AuthorityError::Request(error.to_string()))?;
        Ok(IssuedCertificate {
            certificate: certificate.der().clone(),
            serial: data_encoding::HEXLOWER.encode(&serial),
            ends_at: now + lifetime,
        })
    }

    /// Makes a certificate for this coordinator under the names by which gateways reach it.
    pub fn certify_coordinator(
        &self,
        names: &[String],
        now: SystemTime,
        lifetime: Duration,
    ) -> Result<(CertificateDer<'static>, PrivateKeyDer<'static>), AuthorityError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(AuthorityError::of_authority)?;
        let mut params = params("Aegis coordinator", now, lifetime);
        params.subject_alt_names = names
            .iter()
            .map(|name| match name.parse::<IpAddr>() {
                Ok(address) => Ok(SanType::IpAddress(address)),
                Err(_) => name.as_str().try_into().map(SanType::DnsName),
            })
            .collect::<Result<_, _>>()
            .map_err(AuthorityError::of_authority)?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.serial_number = Some(SerialNumber::from_slice(&serial()));
        let certificate = params.signed_by(&key, &self.issuer).map_err(AuthorityError::of_authority)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        Ok((certificate.der().clone(), key))
    }
}

/// What all certificates have alike.
fn params(name: &str, now: SystemTime, lifetime: Duration) -> CertificateParams {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, name);
    let mut params = CertificateParams::default();
    params.distinguished_name = subject;
    params.not_before = (now - CLOCK_TOLERANCE).into();
    params.not_after = (now + lifetime).into();
    params.use_authority_key_identifier_extension = true;
    params
}

/// The public key (an uncompressed point on P-256) of a signing request whose signature is right.
pub fn public_key_of(request: &[u8]) -> Result<Vec<u8>, AuthorityError> {
    read_request(request).map(|key| rcgen::PublicKeyData::der_bytes(&key).to_vec())
}

fn read_request(request: &[u8]) -> Result<rcgen::PublicKey, AuthorityError> {
    if request.len() > MAX_REQUEST_BYTES {
        return Err(AuthorityError::Request(format!("it is longer than {MAX_REQUEST_BYTES} bytes")));
    }
    let key = CertificateSigningRequestParams::from_der(&CertificateSigningRequestDer::from(request))
        .map(|request| request.public_key)
        .map_err(|error| AuthorityError::Request(error.to_string()))?;
    if rcgen::PublicKeyData::algorithm(&key) != &PKCS_ECDSA_P256_SHA256 {
        return Err(AuthorityError::Request("its key is not an ECDSA key on P-256".to_owned()));
    }
    Ok(key)
}

/// A random serial number, positive as RFC 5280 (4.1.2.2) wants it.
fn serial() -> [u8; SERIAL_BYTES] {
    let mut serial = [0; SERIAL_BYTES];
    getrandom::fill(&mut serial).expect("the system gives random bytes");
    serial[0] = serial[0] & 0x7f | 0x40;
    serial
}

/// The gateway that a verified certificate names; none if it names no gateway.
pub fn gateway_of(certificate: &CertificateDer<'_>) -> Option<String> {
    use x509_parser::extensions::GeneralName;
    let (_, certificate) = x509_parser::parse_x509_certificate(certificate).ok()?;
    let names = certificate.subject_alternative_name().ok()??;
    names.value.general_names.iter().find_map(|name| match name {
        GeneralName::URI(uri) => uri.strip_prefix(IDENTITY).map(str::to_owned),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Vec<u8> {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec!["somebody.else".to_owned()]).expect("a name");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.serialize_request(&key).expect("a request").der().to_vec()
    }

    #[test]
    fn a_gateway_gets_its_own_name_and_nothing_it_asked_for() {
        let now = SystemTime::now();
        let (authority, key) = Authority::generate(now).expect("made");
        let again = Authority::load(authority.certificate().clone(), &key).expect("loaded");
        assert_eq!(again.hash(), authority.hash());
        let issued =
            again.certify_gateway(&request(), "gw_1", now, Duration::from_secs(3_600)).expect("certified");
        assert_eq!(gateway_of(&issued.certificate).as_deref(), Some("gw_1"));
        let (_, parsed) = x509_parser::parse_x509_certificate(&issued.certificate).expect("a certificate");
        assert!(!parsed.is_ca());
        let names = parsed.subject_alternative_name().expect("readable").expect("there");
        assert_eq!(names.value.general_names.len(), 1);
        assert_eq!(gateway_of(authority.certificate()), None);
        // Verified by the TLS library itself.
        let anchor = webpki::anchor_from_trusted_cert(authority.certificate()).expect("an anchor");
        let anchors = [anchor];
        let end = webpki::EndEntityCert::try_from(&issued.certificate).expect("a certificate");
        let time = rustls_pki_types::UnixTime::since_unix_epoch(
            now.duration_since(SystemTime::UNIX_EPOCH).expect("after 1970"),
        );
        let verified = end.verify_for_usage(
            webpki::ALL_VERIFICATION_ALGS,
            &anchors,
            &[],
            time,
            webpki::KeyUsage::client_auth(),
            None,
            None,
        );
        verified.expect("it holds");
    }

    #[test]
    fn what_is_no_signing_request_is_refused() {
        let now = SystemTime::now();
        let (authority, _) = Authority::generate(now).expect("made");
        let mut altered = request();
        let last = altered.len() - 1;
        altered[last] ^= 1;
        for wrong in [&b""[..], b"not a request", &altered, &vec![0; MAX_REQUEST_BYTES + 1]] {
            let refused = authority.certify_gateway(wrong, "gw_1", now, Duration::from_secs(3_600));
            assert!(matches!(refused, Err(AuthorityError::Request(_))));
        }
    }
}
