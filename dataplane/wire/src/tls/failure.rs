//! Why a TLS connection to a server does not come about, in the few kinds that a person does different things about.

use rustls::{AlertDescription, CertificateError, Error, PeerIncompatible};

use crate::tls::stream::TlsError;

/// Why a server cannot be talked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum TlsFailure {
    /// The certificate of the server, or of who signed it, has expired.
    Expired,
    /// The certificate is not valid yet, or the clock here is wrong.
    NotYetValid,
    /// The certificate is that of another host.
    WrongName,
    /// No authority that is trusted has signed the certificate.
    UnknownIssuer,
    /// The certificate is not acceptable for another reason.
    BadCertificate,
    /// The server speaks no version of TLS that is spoken here.
    ProtocolVersion,
    /// The server wants a client certificate, or another one than it was shown.
    ClientCertificate,
    /// The server has refused the handshake without saying why.
    Refused,
    /// What answers does not speak TLS.
    NotTls,
    /// The connection was closed in the handshake.
    Closed,
    /// The handshake took too long.
    TimedOut,
    /// Anything else.
    Other,
}

impl TlsFailure {
    /// All kinds, in the order of their numbers.
    pub const ALL: [TlsFailure; 12] = [
        Self::Expired,
        Self::NotYetValid,
        Self::WrongName,
        Self::UnknownIssuer,
        Self::BadCertificate,
        Self::ProtocolVersion,
        Self::ClientCertificate,
        Self::Refused,
        Self::NotTls,
        Self::Closed,
        Self::TimedOut,
        Self::Other,
    ];

    /// The kind of an error at the client's end of a connection.
    pub fn of(error: &TlsError) -> Self {
        match error {
            TlsError::Protocol(error) => of_rustls(error),
            TlsError::Truncated => Self::Closed,
            TlsError::Handshaking | TlsError::Closed => Self::Other,
        }
    }

    /// A word for programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::WrongName => "wrong_name",
            Self::UnknownIssuer => "unknown_issuer",
            Self::BadCertificate => "bad_certificate",
            Self::ProtocolVersion => "protocol_version",
            Self::ClientCertificate => "client_certificate",
            Self::Refused => "refused",
            Self::NotTls => "not_tls",
            Self::Closed => "closed",
            Self::TimedOut => "timed_out",
            Self::Other => "other",
        }
    }

    /// What it means, as the end of a sentence about the server.
    pub fn explain(self) -> &'static str {
        match self {
            Self::Expired => "its certificate has expired",
            Self::NotYetValid => "its certificate is not valid yet",
            Self::WrongName => "its certificate is for another name",
            Self::UnknownIssuer => "its certificate is signed by nobody who is trusted",
            Self::BadCertificate => "its certificate is not acceptable",
            Self::ProtocolVersion => "it speaks neither TLS 1.2 nor TLS 1.3",
            Self::ClientCertificate => "it wants a client certificate that it accepts",
            Self::Refused => "it refused the handshake",
            Self::NotTls => "what answers there does not speak TLS",
            Self::Closed => "it closed the connection in the handshake",
            Self::TimedOut => "the handshake took too long",
            Self::Other => "the handshake failed",
        }
    }

    /// Whether the server has refused what it was shown, or that nothing was: with TLS 1.3 it says so only after the
    /// handshake.
    pub fn is_about_client(self) -> bool {
        matches!(self, Self::ClientCertificate | Self::Refused)
    }
}

fn of_rustls(error: &Error) -> TlsFailure {
    match error {
        Error::InvalidCertificate(error) => of_certificate(error),
        Error::NoCertificatesPresented => TlsFailure::BadCertificate,
        Error::AlertReceived(alert) => of_alert(*alert),
        Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            | PeerIncompatible::SupportedVersionsExtensionRequired,
        ) => TlsFailure::ProtocolVersion,
        Error::InvalidMessage(_) | Error::InappropriateMessage { .. } => TlsFailure::NotTls,
        _ => TlsFailure::Other,
    }
}

fn of_certificate(error: &CertificateError) -> TlsFailure {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => TlsFailure::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            TlsFailure::NotYetValid
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            TlsFailure::WrongName
        }
        // A bad signature is mostly that of an authority of the same name as a trusted one.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => TlsFailure::UnknownIssuer,
        _ => TlsFailure::BadCertificate,
    }
}

/// What a server says of its client (RFC 8446 section 6.2).
fn of_alert(alert: AlertDescription) -> TlsFailure {
    match alert {
        AlertDescription::ProtocolVersion => TlsFailure::ProtocolVersion,
        AlertDescription::CertificateRequired
        | AlertDescription::NoCertificate
        | AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateRevoked
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnknownCA
        | AlertDescription::AccessDenied => TlsFailure::ClientCertificate,
        AlertDescription::UnrecognisedName => TlsFailure::WrongName,
        AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity => TlsFailure::Refused,
        AlertDescription::CloseNotify | AlertDescription::UserCanceled => TlsFailure::Closed,
        _ => TlsFailure::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_stand_at_their_numbers_and_have_words_of_their_own() {
        for (index, kind) in TlsFailure::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, index);
            let same =
                |other: &TlsFailure| other.as_str() == kind.as_str() || other.explain() == kind.explain();
            assert_eq!(TlsFailure::ALL.iter().filter(|other| same(other)).count(), 1, "{kind:?}");
        }
    }

    #[test]
    fn errors_without_a_kind_of_their_own_have_one() {
        for (error, kind) in [
            (TlsError::Truncated, TlsFailure::Closed),
            (TlsError::Handshaking, TlsFailure::Other),
            (TlsError::Protocol(Error::DecryptError), TlsFailure::Other),
            (TlsError::Protocol(Error::AlertReceived(AlertDescription::InternalError)), TlsFailure::Other),
            (TlsError::Protocol(CertificateError::Revoked.into()), TlsFailure::BadCertificate),
        ] {
            assert_eq!(TlsFailure::of(&error), kind, "{error:?}");
        }
    }
}
