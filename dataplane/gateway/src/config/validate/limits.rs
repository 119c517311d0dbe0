//! Limits that contradict each other: a body that may be held must fit into what there is for bodies.

use aegis_settings::Problem;
use aegis_settings::units::size;

use crate::config::settings::{RESERVED_PART, Settings};

/// What the exchange of a held body takes besides: its other buffers, and those of its connection.
const BESIDE_BODY: u64 = 128 << 10;

pub(super) fn check(settings: &Settings, problems: &mut Vec<Problem>) {
    let limits = &settings.limits;
    // What is out of its own range is reported there.
    if limits.max_body > 0 && limits.hold > limits.max_body {
        problems.push(Problem::error(
            "limits.hold",
            format!("{} is more than limits.max_body", size::format(limits.hold)),
            format!("at most {}, or raise limits.max_body", size::format(limits.max_body)),
        ));
    }
    let most = most_held(limits.buffers_per_shard);
    if most > 0 && limits.hold > most {
        problems.push(Problem::error(
            "limits.hold",
            format!(
                "{} does not fit into limits.buffers_per_shard, a part of which is kept for small bodies",
                size::format(limits.hold)
            ),
            format!("at most {}, or raise limits.buffers_per_shard", size::format(most)),
        ));
    }
}

/// The longest body that a shard without other work can hold.
fn most_held(budget: u64) -> u64 {
    (budget - budget / RESERVED_PART as u64).saturating_sub(BESIDE_BODY)
}
