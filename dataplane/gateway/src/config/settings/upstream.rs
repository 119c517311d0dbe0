//! The providers that requests are sent to.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use aegis_settings::Secret;
use aegis_settings::range::TimeLimit;
use aegis_settings::units;
use aegis_settings::{choices, section};

section! {
    /// `[upstreams.<name>]`
    Upstream {
        /// http:// or https://, host, optional port and base path. Required unless the name is built in. At most 64
        /// upstreams, with the built-in ones, and 64 names from one start to the next.
        url: Option<String>, example: r#""https://llm.example.com/v1""#;
        /// Whose API it speaks: error shape and header style. Guessed from the name when absent.
        provider: Option<Provider>, example: r#""openai""#;
        /// The provider's key, sent instead of the client's. At most one of the three api_key keys.
        api_key: Option<Secret>, example: r#""...""#;
        /// File holding the key; read again at every reload.
        api_key_file: Option<PathBuf>, example: r#""/etc/aegis/llm.key""#;
        /// Environment variable holding the key.
        api_key_env: Option<String>, example: r#""LLM_API_KEY""#;
        /// Header that carries the key; the provider's own when absent.
        key_header: Option<KeyHeader>, example: r#""bearer""#;
        /// Request header by which it recognises a repeated request, such as "idempotency-key"; requests
        /// that carry it are sent again when a connection breaks.
        idempotency_header: Option<String>, example: r#""idempotency-key""#;
        /// Trusted authorities: Mozilla's list, the operating system's store, or the file `ca` alone.
        roots: TrustedRoots, example: r#""webpki""#;
        /// PEM file of authorities, for roots = "file".
        ca: Option<PathBuf>, example: r#""/etc/aegis/llm-ca.pem""#;
        /// PEM certificate chain shown to the upstream.
        client_cert: Option<PathBuf>, example: r#""/etc/aegis/llm-client.pem""#;
        /// PEM private key of client_cert.
        client_key: Option<PathBuf>, example: r#""/etc/aegis/llm-client.key""#;
        /// Other hosts to which the upstream may redirect a request with its body, or have files uploaded, past the
        /// gateway; *.name stands for all below it. Others are refused (502).
        redirect_hosts: Vec<String>, example: r#"["files.example.com", "*.uploads.example.com"]"#;
        /// Whether values of requests to it are remembered; see recall.enabled. true when absent.
        recall: Option<bool>, example: "false";
        /// Overrides timeouts.connect.
        connect_timeout: Option<Duration>, with: "units::optional_duration",
            range: TimeLimit::ABOVE_ZERO, example: r#""2s""#;
        /// Overrides timeouts.first_byte.
        first_byte_timeout: Option<Duration>, with: "units::optional_duration",
            range: TimeLimit::ABOVE_ZERO, example: r#""20m""#;
        /// Overrides timeouts.upstream_read_gap.
        read_gap_timeout: Option<Duration>, with: "units::optional_duration",
            range: TimeLimit::ABOVE_ZERO, example: r#""5m""#;
        /// Overrides timeouts.stream_read_gap.
        stream_gap_timeout: Option<Duration>, with: "units::optional_duration",
            range: TimeLimit::ABOVE_ZERO, example: r#""30m""#;
    }
    beside {
        /// Known to the program and not mentioned by anybody: readiness does not wait for it.
        built_in: bool,
    }
}

/// Whose API an upstream speaks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// `OpenAI` and the many that speak its API.
    Openai,
    /// Anthropic.
    Anthropic,
    /// Google Gemini.
    Google,
    /// Any other HTTP API.
    #[default]
    Generic,
}

/// The header an upstream takes its key in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyHeader {
    /// `authorization: Bearer KEY`
    Bearer,
    /// `x-api-key: KEY` (Anthropic)
    XApiKey,
    /// `x-goog-api-key: KEY` (Google)
    XGoogApiKey,
    /// `api-key: KEY` (Azure)
    ApiKey,
}

impl KeyHeader {
    /// Every one of them.
    pub const ALL: [Self; 4] = [Self::Bearer, Self::XApiKey, Self::XGoogApiKey, Self::ApiKey];

    /// The name of the header, in lower case.
    #[must_use]
    pub const fn field(self) -> &'static str {
        match self {
            Self::Bearer => "authorization",
            Self::XApiKey => "x-api-key",
            Self::XGoogApiKey => "x-goog-api-key",
            Self::ApiKey => "api-key",
        }
    }
}

/// Which certificate authorities are trusted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TrustedRoots {
    /// Mozilla's list, compiled in.
    #[default]
    Webpki,
    /// The operating system's store.
    System,
    /// The PEM file named by `ca`, and nothing else.
    File,
}

choices!(Provider, KeyHeader, TrustedRoots);
