//! The closed sets of words that rule files are written with.

use crate::names::names;
use serde::{Deserialize, Serialize};

/// What kind of thing a secret is; it names the token that stands in for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Category {
    /// An API key or another key that a service issued.
    Key,
    /// A password, client secret or shared secret.
    Secret,
    /// An access, refresh or session token.
    Token,
    /// The credential inside a connection string or a URL.
    Conn,
    /// A private key.
    Pkey,
    /// A user name or an account id.
    User,
    /// A host name or address.
    Host,
    /// Personal data.
    Pii,
}

impl Category {
    /// The name as it stands in tokens: upper case, at most six letters.
    pub const fn as_str(self) -> &'static str {
        match self {
            Category::Key => "KEY",
            Category::Secret => "SECRET",
            Category::Token => "TOKEN",
            Category::Conn => "CONN",
            Category::Pkey => "PKEY",
            Category::User => "USER",
            Category::Host => "HOST",
            Category::Pii => "PII",
        }
    }
}

names!(Category, name, "category", {
    Key = "key",
    Secret = "secret",
    Token = "token",
    Conn = "conn",
    Pkey = "pkey",
    User = "user",
    Host = "host",
    Pii = "pii",
});

/// How bad it is when a secret of this kind is stolen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Public by design or of little use alone.
    Low,
    /// Limited access.
    Medium,
    /// Access to data or money of one service.
    High,
    /// Control over an account, a repository or an infrastructure.
    Critical,
}

names!(Severity, as_str, "severity", { Low = "low", Medium = "medium", High = "high", Critical = "critical" });

/// A set of built-in rules that is off unless it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Pack {
    /// Personal data: e-mail addresses, telephone numbers, payment cards, national ids, addresses of machines.
    Personal,
}

names!(Pack, as_str, "pack of rules", { Personal = "personal" });

/// Finders that are code because a pattern cannot say what they do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Finder {
    /// A private key between `BEGIN` and `END`: PEM, OpenSSH, `OpenPGP`, SSH2.
    Pem,
    /// A private key of `PuTTY`.
    Putty,
    /// A value assigned to a name that holds one of the keywords; `strength` says how much it takes.
    Assignment,
    /// The password that a command takes: `curl -u user:x`, `psexec -p x`.
    Command,
    /// The password among the arguments of calls: `NetworkCredential("user", "x")`.
    Call,
    /// The values of a Kubernetes Secret.
    Manifest,
    /// The password in `scheme://user:password@host`.
    Userinfo,
}

/// How much the keyword alone says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Strength {
    /// `password`: nearly any value is one.
    Password,
    /// `secret`, `token`, `api_key`: a value that looks random is one.
    Secret,
    /// `key`, `auth`, `salt`: only a value that cannot be anything else is one.
    Weak,
    /// The name of a service, which takes a word for a secret behind it.
    Service,
}

/// What a personal-data rule finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum PersonalKind {
    /// `name@host.tld`
    Email,
    /// `+CC ...`
    PhoneInternational,
    /// A number as written inside its country: behind a word, or of a shape that only telephone numbers have.
    PhoneNational,
    /// 14 to 19 digits of a card network with a Luhn digit.
    PaymentCard,
    /// ISO 13616.
    Iban,
    /// United States: social security number.
    UsSsn,
    /// United States: individual taxpayer number.
    UsItin,
    /// United Kingdom: national insurance number.
    UkNino,
    /// United Kingdom: NHS number.
    UkNhs,
    /// Germany: Steuer-Identifikationsnummer.
    DeTaxId,
    /// Germany: number of the identity card.
    DeIdentityCard,
    /// France: numéro de sécurité sociale.
    FrNir,
    /// Spain: DNI and NIE.
    EsDni,
    /// Italy: codice fiscale.
    ItFiscalCode,
    /// Netherlands: burgerservicenummer.
    NlBsn,
    /// India: Aadhaar.
    InAadhaar,
    /// India: permanent account number.
    InPan,
    /// Brazil: CPF.
    BrCpf,
    /// Brazil: CNPJ.
    BrCnpj,
    /// A passport's number behind a word.
    Passport,
    /// The machine-readable lines of a travel document.
    Mrz,
    /// An IPv4 address of a machine.
    Ipv4,
    /// An IPv6 address of a machine.
    Ipv6,
    /// A MAC address.
    Mac,
    /// A host name that only an internal resolver knows.
    InternalHost,
    /// A date of birth behind a word.
    BirthDate,
}

/// How many kinds there are.
pub(crate) const PERSONAL_KINDS: usize = PersonalKind::BirthDate as usize + 1;

impl PersonalKind {
    /// Whether the engine looks for the rule's words; else they are looked for around what a pass has found.
    pub(crate) fn is_found_by_word(self) -> bool {
        use PersonalKind::{BirthDate, DeIdentityCard, Email, InPan, InternalHost, Mrz, Passport};
        matches!(self, BirthDate | DeIdentityCard | Email | InPan | InternalHost | Mrz | Passport)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_the_same_for_people_and_for_serde() {
        for category in Category::ALL {
            assert_eq!(serde_json::to_string(&category).unwrap(), format!("\"{category}\""));
            assert_eq!(category.name().parse(), Ok(category));
            assert_eq!(category.as_str(), category.name().to_uppercase());
        }
        for severity in Severity::ALL {
            assert_eq!(serde_json::to_string(&severity).unwrap(), format!("\"{severity}\""));
            assert_eq!(severity.as_str().parse(), Ok(severity));
        }
        for pack in Pack::ALL {
            assert_eq!(serde_json::to_string(&pack).unwrap(), format!("\"{pack}\""));
            assert_eq!(pack.as_str().parse(), Ok(pack));
        }
        let unknown = "keys".parse::<Pack>().unwrap_err();
        assert_eq!(unknown.to_string(), "`keys` is no pack of rules; there are: personal");
    }
}
