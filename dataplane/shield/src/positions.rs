//! Where a position in a text is after some of the text was replaced.

/// Which end of a range a place is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum RangeSide {
    Start,
    End,
    /// None.
    Point,
}

/// One replacement: what it covered, and how far all behind it has moved by then.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TextShift {
    pub(crate) from: u64,
    pub(crate) to: u64,
    pub(crate) shift: i64,
}

/// Where `place` stands after `moves`, which are in order. One within a token moves to that end of the secret which
/// `side` says.
pub(crate) fn moved(moves: &[TextShift], place: u64, side: RangeSide) -> u64 {
    let behind = moves.partition_point(|known| known.from < place);
    let shift_before = |index: usize| index.checked_sub(1).map_or(0, |index| moves[index].shift);
    let (place, shift) = match behind.checked_sub(1).map(|last| (last, moves[last])) {
        Some((last, within)) if place < within.to => match side {
            RangeSide::Start => (within.from, shift_before(last)),
            RangeSide::End => (within.to, within.shift),
            RangeSide::Point => (place, shift_before(last)),
        },
        _ => (place, shift_before(behind)),
    };
    place.saturating_add_signed(shift)
}
