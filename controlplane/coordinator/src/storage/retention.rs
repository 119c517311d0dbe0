//! When events expire, and what stays of them: an anchor for each run, with the hash of its last event, so that the
//! chain can be followed over what is gone.

use super::clock::Day;

/// For how many days events are kept: the classes an organisation chooses from.
pub const RETENTION_DAYS: [i64; 4] = [30, 90, 365, 2557];

/// Returns the last day whose events have expired on `today`, of the class that keeps them for `days`.
pub(super) fn last_expired(days: i64, today: Day) -> Day {
    today - days - 1
}

/// The statement that keeps an anchor for each run of consecutive events in `table` that fulfil `condition`. `$1` is the
/// time.
pub(super) fn anchors(table: &str, condition: &str) -> String {
    format!(
        "INSERT INTO audit_anchors \
            (organisation_id, gateway_id, boot_id, first_sequence, last_sequence, last_hash, dropped_us) \
         SELECT r.organisation_id, r.gateway_id, r.boot_id, r.first_sequence, r.last_sequence, e.hash, $1 FROM ( \
            SELECT organisation_id, gateway_id, boot_id, MIN(sequence) AS first_sequence, MAX(sequence) AS last_sequence \
            FROM (SELECT organisation_id, gateway_id, boot_id, sequence, sequence - ROW_NUMBER() OVER ( \
                    PARTITION BY organisation_id, gateway_id, boot_id ORDER BY sequence) AS run FROM {table} WHERE {condition}) AS runs \
            GROUP BY organisation_id, gateway_id, boot_id, run) AS r \
         JOIN {table} e ON e.organisation_id = r.organisation_id AND e.gateway_id = r.gateway_id \
            AND e.boot_id = r.boot_id AND e.sequence = r.last_sequence"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_there_for_all_of_its_days() {
        // Received on day 100 and kept for 30 days: day 130 is the last on which it is there.
        assert!(last_expired(30, 130) < 100);
        assert_eq!(last_expired(30, 131), 100);
    }
}
