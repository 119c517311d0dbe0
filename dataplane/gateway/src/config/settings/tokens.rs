//! The keys that make tokens, and sessions that remember them.

use std::path::PathBuf;
use std::time::Duration;

use aegis_settings::Secret;
use aegis_settings::section;
use aegis_settings::units;

section! {
    /// `[tokens]`
    Tokens {
        /// Master key, 64 hexadecimal digits; meant for the environment.
        key: Option<Secret>, example: r#""0123...""#;
        /// Master key file. Without it master.key in the state folder, created on first start.
        key_file: Option<PathBuf>, example: r#""/etc/aegis/master.key""#;
        /// Organisation that tokens are derived for: another name, other tokens.
        organisation: String = "default".to_owned();
        /// Epoch that mints new tokens, visible in them; change it to rotate.
        epoch: char = '0';
        /// Earlier epochs that are still recognised.
        older_epochs: Vec<char>;
    }
}

section! {
    /// `[session]`
    Session {
        /// Whether requests may name a session with x-aegis-session, for APIs that keep the history on their side.
        enabled: bool;
        /// How long an unused session is kept.
        ttl: Duration = Duration::from_secs(3_600), with: "units::duration";
        /// Sessions of the process. When there are more, the longest unused of 64 goes.
        max_sessions: usize = 1_000;
        /// Secrets per session.
        max_secrets: usize = 10_000;
    }
}

section! {
    /// `[recall]`
    Recall {
        /// Whether values that were found in a client's request are hidden in its later ones, wherever they stand, and
        /// restored in replies from a history that lies with the provider. Kept in memory only, as keyed hashes and sealed
        /// under the client's credential; without it each request is judged alone.
        enabled: bool = true;
        /// How long a value is remembered after a request held it last.
        ttl: Duration = Duration::from_secs(86_400), with: "units::duration";
        /// Values of one client. When there are more, those go that only one request held.
        max_values: usize = 10_000;
        /// Clients of the process. When there are more, the longest unused of 64 goes.
        max_clients: usize = 1_000;
    }
}

/// The number of the epoch that a character names: its value in Crockford's base32, in which tokens are written.
pub fn epoch_number(epoch: char) -> Option<u8> {
    const DIGITS: &str = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    DIGITS.find(epoch).and_then(|value| u8::try_from(value).ok())
}
