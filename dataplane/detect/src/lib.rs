//! Finds secrets in text: bytes in, findings out.
#![deny(unsafe_code)]

/// What kind of value a secret is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Category {
    /// A key of an interface.
    Key,
    /// A password or another secret without a form of its own.
    Secret,
    /// A token that stands for a session or an account.
    Token,
    /// The secret part of a connection string.
    Conn,
    /// A private key.
    Pkey,
    /// The name of an account.
    User,
    /// The name of a host.
    Host,
    /// Personal data.
    Pii,
}

impl Category {
    /// The word that tokens carry.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Key => "KEY",
            Self::Secret => "SECRET",
            Self::Token => "TOKEN",
            Self::Conn => "CONN",
            Self::Pkey => "PKEY",
            Self::User => "USER",
            Self::Host => "HOST",
            Self::Pii => "PII",
        }
    }
}
