//! Disputes: overlapping hits become one finding, the most specific; touching ones stay apart.

use crate::MAX_SECRET_LEN;
use crate::rule::{Confidence, RuleIndex};
use crate::rules::rank;
use crate::scanner::Finding;
use std::cmp::Reverse;

/// A confirmed candidate, before disputes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hit {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) rule: u16,
    pub(crate) rank: u8,
    pub(crate) confidence: Confidence,
}

impl Hit {
    /// Orders hits from the one that should win: any before the doubtful, which a policy may let pass; then by rank,
    /// then the longer, the earlier, the first rule.
    fn key(&self) -> (bool, u8, usize, Reverse<usize>, Reverse<u16>) {
        let sure = self.confidence > Confidence::Low;
        (sure, self.rank, self.end - self.start, Reverse(self.start), Reverse(self.rule))
    }
}

/// Settles all disputes among `hits` and appends what wins to `findings`, sorted and disjoint.
///
/// Hits that overlap, directly or through others, form a cluster, and a cluster is decided as a whole or not at all:
/// one that reaches beyond `settled`, or holds the start of an open candidate, moves `settled` back to its start.
/// So that this ends, a cluster spans at most [`MAX_SECRET_LEN`] bytes: what would make it longer loses.
/// Returns the new `settled`.
pub(crate) fn settle(hits: &mut [Hit], settled: usize, end: usize, findings: &mut Vec<Finding>) -> usize {
    hits.sort_unstable_by_key(|h| (h.start, h.end, h.rule));
    let mut at = 0;
    while at < hits.len() {
        let first = hits[at].start;
        if first >= settled {
            return settled;
        }
        let mut reach = hits[at].end;
        let mut next = at + 1;
        let begin = findings.len();
        while next < hits.len() && hits[next].start < reach {
            if hits[next].end <= first + MAX_SECRET_LEN {
                reach = reach.max(hits[next].end);
            }
            next += 1;
        }
        // A cluster as long as one can be is decided even if an open candidate touches it: that one loses.
        let full = first + MAX_SECRET_LEN <= end.saturating_sub(crate::LOOKAHEAD);
        if reach > settled && !full {
            return first;
        }
        decide(&mut hits[at..next], first, findings, begin);
        if reach > settled {
            return reach;
        }
        at = next;
    }
    settled
}

fn decide(cluster: &mut [Hit], first: usize, findings: &mut Vec<Finding>, begin: usize) {
    if cluster.len() > 1 {
        cluster.sort_unstable_by_key(|h| Reverse(h.key()));
    }
    for at in 0..cluster.len() {
        let hit = whole_value(cluster, cluster[at]);
        if hit.end > first + MAX_SECRET_LEN {
            continue;
        }
        let chosen = &findings[begin..];
        let place = begin + chosen.partition_point(|f| f.end <= hit.start);
        if findings.get(place).is_none_or(|f| f.start >= hit.end) {
            let Hit { start, end, rule, confidence, .. } = hit;
            findings.insert(place, Finding { rule: RuleIndex(rule), start, end, confidence });
        }
    }
}

/// How much longer than a token the value that it stands in may be, to be the secret as a whole.
const MARGIN: usize = 2;

/// A token that fills an assigned value but for a byte or two at its end is taken with them: they belong to what is
/// assigned.
fn whole_value(cluster: &[Hit], hit: Hit) -> Hit {
    let around = |h: &&Hit| {
        (rank::GENERIC..rank::PLACE).contains(&h.rank)
            && h.start == hit.start
            && (hit.end..=hit.end + MARGIN).contains(&h.end)
    };
    if hit.rank < rank::PATTERN {
        return hit;
    }
    let end = cluster.iter().filter(around).map(|h| h.end).max().unwrap_or(hit.end);
    Hit { end, ..hit }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_takes_what_little_is_left_of_its_value() {
        assert_eq!(spans(&[hit(5, 20, 30), hit(5, 22, 11)], 40, 40).0, [(5, 22)]);
        assert_eq!(spans(&[hit(5, 20, 30), hit(5, 23, 11)], 40, 40).0, [(5, 20)]);
        assert_eq!(spans(&[hit(5, 20, 30), hit(3, 20, 11)], 40, 40).0, [(5, 20)]);
    }

    fn hit(start: usize, end: usize, rank: u8) -> Hit {
        Hit { start, end, rule: u16::from(rank), rank, confidence: Confidence::High }
    }

    fn spans(hits: &[Hit], settled: usize, end: usize) -> (Vec<(usize, usize)>, usize) {
        let mut findings = Vec::new();
        let settled = settle(&mut hits.to_vec(), settled, end, &mut findings);
        (findings.iter().map(|f| (f.start, f.end)).collect(), settled)
    }

    #[test]
    fn the_most_specific_wins_and_touching_ones_stay_two() {
        assert_eq!(spans(&[hit(0, 10, 1), hit(2, 5, 2), hit(5, 8, 2)], 20, 20), (vec![(2, 5), (5, 8)], 20));
        assert_eq!(spans(&[hit(0, 10, 1), hit(2, 5, 1)], 20, 20), (vec![(0, 10)], 20));
    }

    #[test]
    fn what_a_policy_may_let_pass_hides_nothing() {
        let doubtful = Hit { confidence: Confidence::Low, ..hit(0, 10, 3) };
        assert_eq!(spans(&[doubtful, hit(2, 5, 1)], 20, 20), (vec![(2, 5)], 20));
    }

    #[test]
    fn a_cluster_over_the_settled_edge_waits_as_a_whole() {
        assert_eq!(spans(&[hit(0, 3, 1), hit(5, 10, 1), hit(8, 14, 2)], 12, 600), (vec![(0, 3)], 5));
        assert_eq!(spans(&[hit(0, 3, 1), hit(12, 14, 1)], 12, 600), (vec![(0, 3)], 12));
    }

    #[test]
    fn an_endless_chain_is_decided_piece_by_piece() {
        let chain: Vec<Hit> = (0..4 * MAX_SECRET_LEN).step_by(8).map(|s| hit(s, s + 12, 1)).collect();
        let end = 4 * MAX_SECRET_LEN;
        let (found, settled) = spans(&chain, end - crate::LOOKAHEAD, end);
        assert!(!found.is_empty() && settled > 0);
        assert!(found.windows(2).all(|w| w[0].1 <= w[1].0));
    }
}
