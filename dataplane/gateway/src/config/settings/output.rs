//! What the gateway writes: program log, access log and audit events.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use aegis_settings::key::SettingKind;
use aegis_settings::range::{Range, TimeLimit};
use aegis_settings::units;
use aegis_settings::{choices, section};

/// Fewest and most events that may wait in a shard's ring.
const RING: (u64, u64) = (64, 1 << 20);

fn ring() -> Range {
    Range::between(RING.0, RING.1, |n| format!("{n} is not between {} and {}", RING.0, RING.1))
}

section! {
    /// `[log]`
    Log {
        /// How log lines look.
        format: LogFormat;
        /// Least level (error, warn, info, debug, trace), or a filter like "info,aegis_gateway::control=debug".
        level: String = "info".to_owned();
        /// Access log: off, stdout, stderr or a file.
        access: String = "off".to_owned(), kind: SettingKind::PathOr(&["off", "stdout", "stderr"]);
        /// Whether the group of the access and audit files may read them: mode 0640 instead of 0600.
        group_read: bool;
    }
}

section! {
    /// `[audit]`
    Audit {
        /// Whether one audit event per request is written.
        enabled: bool = true;
        /// JSON-lines file; audit.jsonl in the state folder when absent.
        file: Option<PathBuf>, example: r#""/var/log/aegis/audit.jsonl""#;
        /// When events are forced to the disk: never, once a second, after each batch.
        sync: AuditSync;
        /// Size at which the file is set aside and a new one begun; 0 is never. Nothing is deleted.
        rotate_size: u64 = 256 << 20, with: "units::size", kind: SettingKind::Size;
        /// How long an event may wait for its disk or pipe before the audit log counts as failing: readiness and log say
        /// so, and policy.fail_mode decides on further requests.
        write_timeout: Duration = Duration::from_secs(5), with: "units::duration", range: TimeLimit::ABOVE_ZERO;
        /// Events that may wait per shard while the writer is behind.
        ring: usize = 8_192, range: ring();
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// When audit events are forced to the disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuditSync {
    /// Left to the kernel.
    None,
    /// Once a second while there is something to force.
    #[default]
    Second,
    /// After each batch, every few milliseconds under load.
    Batch,
}

choices!(LogFormat, AuditSync);
