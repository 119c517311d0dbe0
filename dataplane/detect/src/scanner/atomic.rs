//! Spans that are settled as a whole: manifests, and pieces of encoded text. The rest of one would be judged without
//! its beginning.

use crate::text::{LOOKAHEAD, MAX_SECRET_LEN, Span};

/// Joins spans that overlap.
pub(super) fn join(spans: &mut Vec<Span>) {
    spans.sort_unstable();
    spans.dedup_by(|next, last| {
        let overlap = next.start < last.end;
        if overlap {
            last.end = last.end.max(next.end);
        }
        overlap
    });
}

/// Where to settle instead of at the end of `decided`, so that none of the spans, which are sorted and apart, is settled
/// in part. A window as large as one can be, of a text whose unjudged part begins with `decided`, settles something all
/// the same.
pub(super) fn hold_back(spans: &[Span], decided: Span, end: usize) -> usize {
    let Span { start: fresh, end: edge } = decided;
    let next = spans.partition_point(|span| span.start < edge);
    let lowered = match next.checked_sub(1).map(|last| spans[last]) {
        Some(span) if edge < span.end => span.start,
        _ => edge,
    };
    if lowered == fresh && end - lowered >= MAX_SECRET_LEN + LOOKAHEAD { edge } else { lowered }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_overlaps_is_joined_and_what_touches_is_not() {
        let mut spans = [(30, 40), (0, 10), (10, 20), (35, 50)].map(|(a, b)| Span::new(a, b)).to_vec();
        join(&mut spans);
        assert_eq!(spans, [(0, 10), (10, 20), (30, 50)].map(|(a, b)| Span::new(a, b)));
    }
}
