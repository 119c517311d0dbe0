//! Who may use the gateway.

use serde::{Deserialize, Serialize};

use aegis_settings::{choices, list_item, section};

section! {
    /// `[auth]`
    Auth {
        /// Whether a gateway key is demanded; auto demands one as soon as one is listed.
        mode: AuthMode;
        /// The keys, as hashes; `aegis-gateway key new` makes one.
        keys: Vec<GatewayKey>;
    }
}

impl Auth {
    /// Whether a request must show a gateway key.
    pub fn demands_keys(&self) -> bool {
        match self.mode {
            AuthMode::None => false,
            AuthMode::Keys => true,
            AuthMode::Auto => !self.keys.is_empty(),
        }
    }
}

list_item! {
    /// One of `[[auth.keys]]`.
    GatewayKey {
        /// Name of the key in logs and audit.
        id: String, example: r#""ci""#;
        /// SHA-256 of the key, 64 hexadecimal digits.
        sha256: String, example: r#""what `aegis-gateway key new` prints""#;
        /// Organisation the key belongs to.
        org: Option<String> = None, example: r#""acme""#;
        /// User or team the key belongs to.
        user: Option<String> = None, example: r#""build""#;
        /// Upstreams the key may use; all when empty.
        upstreams: Vec<String> = Vec::new(), example: r#"["anthropic"]"#;
        /// Whether values of its requests are remembered; see recall.enabled. true when absent.
        recall: Option<bool> = None, example: "false";
        /// Refused when true.
        disabled: bool = false, example: "false";
    }
}

/// Whether a gateway key is demanded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuthMode {
    /// Demanded as soon as one key is listed.
    #[default]
    Auto,
    /// Never demanded; listing keys is an error.
    None,
    /// Always demanded; with an empty list everything is refused.
    Keys,
}

choices!(AuthMode);
