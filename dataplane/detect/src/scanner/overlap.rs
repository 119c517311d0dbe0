//! Overlapping candidates become one finding, the most specific; touching ones stay apart.

use crate::candidate::{Candidate, rank};
use crate::finding::{Confidence, Evidence, Finding, RuleIndex};
use crate::text::{LOOKAHEAD, MAX_SECRET_LEN, Span};
use std::cmp::Reverse;

/// Orders candidates from the one that should win: any before the doubtful, which a policy may let pass; then by rank,
/// then the longer, the earlier, the first rule.
fn precedence(candidate: &Candidate) -> (bool, u8, usize, Reverse<usize>, Reverse<u16>) {
    let Candidate { span, rule, rank, confidence } = *candidate;
    (confidence > Confidence::Low, rank, span.len(), Reverse(span.start), Reverse(rule))
}

/// Settles all overlaps among `candidates` and appends what wins to `findings`, sorted and disjoint.
///
/// Candidates that overlap, directly or through others, form a cluster, and a cluster is decided as a whole or not at
/// all: one that reaches beyond `settled`, or holds the start of an open candidate, moves `settled` back to its start.
/// So that this ends, a cluster spans at most [`MAX_SECRET_LEN`] bytes: what would make it longer loses. Returns the
/// new `settled`.
pub(crate) fn settle(
    candidates: &mut [Candidate],
    settled: usize,
    end: usize,
    findings: &mut Vec<Finding>,
) -> usize {
    candidates.sort_unstable_by_key(|c| (c.span, c.rule));
    let mut at = 0;
    while at < candidates.len() {
        let first = candidates[at].span.start;
        if first >= settled {
            return settled;
        }
        let mut reach = candidates[at].span.end;
        let mut next = at + 1;
        let begin = findings.len();
        while next < candidates.len() && candidates[next].span.start < reach {
            if candidates[next].span.end <= first + MAX_SECRET_LEN {
                reach = reach.max(candidates[next].span.end);
            }
            next += 1;
        }
        // A cluster as long as one can be is decided even if an open candidate touches it: that one loses.
        let full = first + MAX_SECRET_LEN <= end.saturating_sub(LOOKAHEAD);
        if reach > settled && !full {
            return first;
        }
        decide(&mut candidates[at..next], first, findings, begin);
        if reach > settled {
            return reach;
        }
        at = next;
    }
    settled
}

fn decide(cluster: &mut [Candidate], first: usize, findings: &mut Vec<Finding>, begin: usize) {
    if cluster.len() > 1 {
        cluster.sort_unstable_by_key(|c| Reverse(precedence(c)));
    }
    for at in 0..cluster.len() {
        let candidate = whole_value(cluster, cluster[at]);
        if candidate.span.end > first + MAX_SECRET_LEN {
            continue;
        }
        if candidate.rank == rank::FOUND {
            found_value(cluster, candidate, findings, begin);
            continue;
        }
        let chosen = &findings[begin..];
        let place = begin + chosen.partition_point(|f| f.span.end <= candidate.span.start);
        if findings.get(place).is_none_or(|f| f.span.start >= candidate.span.end) {
            findings.insert(place, finding(candidate, candidate.span));
        }
    }
}

fn finding(Candidate { rule, rank, confidence, .. }: Candidate, span: Span) -> Finding {
    let evidence = if rank == rank::FOUND { Evidence::Value } else { Evidence::Rule };
    Finding { evidence, ..Finding::whole(RuleIndex(rule), span, confidence) }
}

/// Shorter pieces beside a value are left as they are, in bytes: they say nothing, and a value that goes on with them (`V2`) comes
/// back as what the model wrote of it.
const MIN_PIECE: usize = 4;

/// A finding with a value inside that was found elsewhere: the value keeps its token, and what stands beside it is hidden.
fn split(around: Finding, value: Finding) -> impl Iterator<Item = Finding> {
    let left = Span::new(around.span.start, value.span.start);
    let right = Span::new(value.span.end, around.span.end);
    let piece = move |span: Span| (span.len() >= MIN_PIECE).then_some(Finding { span, ..around });
    piece(left).into_iter().chain([value]).chain(piece(right))
}

/// A value that was found elsewhere must not be left here in part: it takes the place of what was chosen within it, and
/// beside what only touches it its pieces are hidden.
fn found_value(cluster: &[Candidate], candidate: Candidate, findings: &mut Vec<Finding>, begin: usize) {
    let span = candidate.span;
    let first = begin + findings[begin..].partition_point(|f| f.span.end <= span.start);
    let next = first + findings[first..].partition_point(|f| f.span.start < span.end);
    let met = &findings[first..next];
    if let Some(around) = met.iter().find(|f| f.span.covers(span)) {
        // What has a shape of its own stays whole, and so does a value that is searched for itself.
        let is_whole = |c: &Candidate| {
            let is_of_shape = c.rule == around.rule.0 && c.rank >= rank::VENDOR;
            c.span == around.span && (is_of_shape || c.rank == rank::FOUND)
        };
        if around.span != span && !cluster.iter().any(is_whole) {
            let pieces = split(*around, finding(candidate, span));
            findings.splice(first..next, pieces);
        }
        return;
    }
    if met.iter().all(|f| span.covers(f.span)) {
        findings.splice(first..next, [finding(candidate, span)]);
        return;
    }
    // Those that touch it stay; what lies between them is hidden.
    let ends = met.iter().map(|f| f.span).chain([Span::new(span.end, span.end)]);
    let gaps = ends.scan(span.start, |at, met| {
        let gap = Span { start: *at, end: met.start };
        *at = (*at).max(met.end);
        Some(gap)
    });
    let pieces: Vec<Finding> =
        gaps.filter(|gap| gap.start < gap.end).map(|gap| finding(candidate, gap)).collect();
    for piece in pieces {
        let place = findings.partition_point(|f| f.span.end <= piece.span.start);
        findings.insert(place, piece);
    }
}

/// How much longer than a token the value that it stands in may be, to be the secret as a whole.
const MARGIN: usize = 2;

/// A token that fills an assigned value but for a byte or two at its end is taken with them: they belong to what is
/// assigned.
fn whole_value(cluster: &[Candidate], candidate: Candidate) -> Candidate {
    let around = |c: &&Candidate| {
        (rank::GENERIC..rank::PLACE).contains(&c.rank)
            && c.span.start == candidate.span.start
            && (candidate.span.end..=candidate.span.end + MARGIN).contains(&c.span.end)
    };
    if candidate.rank < rank::PATTERN {
        return candidate;
    }
    let end = cluster.iter().filter(around).map(|c| c.span.end).max().unwrap_or(candidate.span.end);
    Candidate { span: Span::new(candidate.span.start, end), ..candidate }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_takes_what_little_is_left_of_its_value() {
        assert_eq!(spans(&[candidate(5, 20, 30), candidate(5, 22, 11)], 40, 40).0, [(5, 22)]);
        assert_eq!(spans(&[candidate(5, 20, 30), candidate(5, 23, 11)], 40, 40).0, [(5, 20)]);
        assert_eq!(spans(&[candidate(5, 20, 30), candidate(3, 20, 11)], 40, 40).0, [(5, 20)]);
    }

    fn candidate(start: usize, end: usize, rank: u8) -> Candidate {
        Candidate { span: Span::new(start, end), rule: u16::from(rank), rank, confidence: Confidence::High }
    }

    fn spans(candidates: &[Candidate], settled: usize, end: usize) -> (Vec<(usize, usize)>, usize) {
        let mut findings = Vec::new();
        let settled = settle(&mut candidates.to_vec(), settled, end, &mut findings);
        (findings.iter().map(|f| (f.span.start, f.span.end)).collect(), settled)
    }

    #[test]
    fn the_most_specific_wins_and_touching_ones_stay_two() {
        assert_eq!(
            spans(&[candidate(0, 10, 1), candidate(2, 5, 2), candidate(5, 8, 2)], 20, 20),
            (vec![(2, 5), (5, 8)], 20)
        );
        assert_eq!(spans(&[candidate(0, 10, 1), candidate(2, 5, 1)], 20, 20), (vec![(0, 10)], 20));
    }

    #[test]
    fn a_value_found_elsewhere_is_hidden_to_its_last_byte() {
        let found = |start, end| candidate(start, end, rank::FOUND);
        for (rules, expected) in [
            (&[][..], &[(4, 20)][..]),
            (&[candidate(4, 20, 30)], &[(4, 20)]),
            (&[candidate(0, 24, 30)], &[(0, 24)]),
            (&[candidate(2, 21, 10)], &[(4, 20)]),
            (&[candidate(0, 30, 10)], &[(0, 4), (4, 20), (20, 30)]),
            (&[candidate(8, 12, 30)], &[(4, 20)]),
            (&[candidate(8, 12, 30), candidate(14, 20, 30)], &[(4, 20)]),
            (&[candidate(0, 8, 30)], &[(0, 8), (8, 20)]),
            (&[candidate(16, 24, 30)], &[(4, 16), (16, 24)]),
            (&[candidate(0, 8, 30), candidate(16, 24, 30)], &[(0, 8), (8, 16), (16, 24)]),
            (&[candidate(0, 8, 30), candidate(10, 12, 30)], &[(0, 8), (8, 10), (10, 12), (12, 20)]),
            (&[found(2, 10), found(12, 30)], &[(2, 4), (4, 12), (12, 30)]),
            (&[candidate(0, 24, 10), found(0, 24)], &[(0, 24)]),
        ] {
            let all: Vec<_> = rules.iter().copied().chain([found(4, 20)]).collect();
            assert_eq!(spans(&all, 40, 40).0, expected, "{rules:?}");
        }
    }

    #[test]
    fn what_a_policy_may_let_pass_hides_nothing() {
        let doubtful = Candidate { confidence: Confidence::Low, ..candidate(0, 10, 3) };
        assert_eq!(spans(&[doubtful, candidate(2, 5, 1)], 20, 20), (vec![(2, 5)], 20));
    }

    #[test]
    fn a_cluster_over_the_settled_edge_waits_as_a_whole() {
        assert_eq!(
            spans(&[candidate(0, 3, 1), candidate(5, 10, 1), candidate(8, 14, 2)], 12, 600),
            (vec![(0, 3)], 5)
        );
        assert_eq!(spans(&[candidate(0, 3, 1), candidate(12, 14, 1)], 12, 600), (vec![(0, 3)], 12));
    }

    #[test]
    fn an_endless_chain_is_decided_piece_by_piece() {
        let chain: Vec<Candidate> =
            (0..4 * MAX_SECRET_LEN).step_by(8).map(|s| candidate(s, s + 12, 1)).collect();
        let end = 4 * MAX_SECRET_LEN;
        let (found, settled) = spans(&chain, end - LOOKAHEAD, end);
        assert!(!found.is_empty() && settled > 0);
        assert!(found.windows(2).all(|w| w[0].1 <= w[1].0));
    }
}
