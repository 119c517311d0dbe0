//! What finding a value takes beside its HMAC, and how it is sealed in a list.

#![expect(
    clippy::cast_possible_truncation,
    reason = "lengths and offsets are bounded by `MAX_KNOWN_LEN` and `MAX_OFFSET`"
)]

use super::hash::{KnownKey, print};
use super::limits::{MAX_KNOWN_LEN, MAX_SHARED, MIN_DISTINCT, MIN_KNOWN_LEN};
use super::weak;
use crate::encodings::alnum_runs::{RUN_BYTES, RunLength};
use crate::text::{LOOKAHEAD, Span};

/// Bytes of an anchor: as many as the shortest value has.
pub(super) const ANCHOR: usize = MIN_KNOWN_LEN;
/// Bytes of a piece that is looked up in the bitmap.
pub(super) const PIECE: usize = 4;
/// Every so many bytes of text one piece is looked up, so that each anchor holds one of them.
pub(super) const STRIDE: usize = ANCHOR - PIECE + 1;
/// The same for values of which more than the anchor is known: fewer lookups.
pub(super) const WIDE_STRIDE: usize = 9;
/// Bytes that a value must have from its anchor on to be found so.
const WIDE_ANCHOR: usize = WIDE_STRIDE + PIECE - 1;
/// How far from a value's first byte its anchor begins at most: in sight before the beginning is settled.
const MAX_OFFSET: usize = 64;
/// Bytes of a sealed entry.
pub(super) const SEALED: usize = 24;

// A run that the anchor stands in is long enough as far as it is in sight.
const _: () = assert!(MAX_OFFSET + RunLength::Sixteen as usize + ANCHOR < LOOKAHEAD);
const _: () = assert!(MAX_OFFSET < u8::MAX as usize);

/// One known value, as its hashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KnownEntry {
    /// HMAC-SHA-256 of the value.
    pub(super) hash: [u8; 32],
    /// Bytes of the value.
    pub(super) length: u16,
    /// Where in the value the anchor begins.
    pub(super) offset: u8,
    /// How long the run of plain characters is that the anchor stands in, if it is long enough to be looked for there.
    pub(super) run: Option<RunLength>,
    /// Short hashes of the anchor's pieces, one for each place that a piece can have in it.
    pub(super) pieces: [u32; STRIDE],
    /// The same of the pieces that follow, where there is room for them. A list in a file does not have them.
    pub(super) wide_pieces: Option<[u32; WIDE_STRIDE - STRIDE]>,
    /// Short hash of the anchor.
    pub(super) anchor: u32,
    /// Short hash of the whole value.
    pub(super) whole: u16,
}

impl KnownEntry {
    /// Hashes a value. Of its places one in the longest kind of run becomes the anchor, of those one with room for more
    /// pieces, of those one that the fewest others have (`shared` counts them by the anchor's hash), of those the least
    /// ordinary; `None` when all places are shared too often.
    pub(super) fn of(value: &[u8], key: &KnownKey, shared: impl Fn(u32) -> usize) -> Option<KnownEntry> {
        let runs = runs(value);
        let places = value.windows(ANCHOR).enumerate().take(MAX_OFFSET + 1);
        let free = places.map(|(at, place)| (at, place, shared(anchor_print(place, key))));
        let free = free.filter(|(_, _, others)| *others < MAX_SHARED);
        let has_room = |offset: usize| offset + WIDE_ANCHOR <= value.len();
        let (offset, place, _) = free.max_by_key(|&(offset, place, others)| {
            let first = std::cmp::Reverse(offset);
            (run_of(&runs, offset, place), has_room(offset), std::cmp::Reverse(others), rarity(place), first)
        })?;
        let piece = |at: usize| print(std::array::from_fn(|i| value[offset + at + i]), key.piece());
        Some(KnownEntry {
            hash: key.value(value),
            length: value.len() as u16,
            offset: offset as u8,
            run: run_of(&runs, offset, place),
            pieces: std::array::from_fn(piece),
            wide_pieces: has_room(offset).then(|| std::array::from_fn(|at| piece(STRIDE + at))),
            anchor: anchor_print(place, key),
            whole: key.whole(value),
        })
    }

    /// Everything but the HMAC, hidden by the key.
    pub(super) fn seal(&self, key: &KnownKey) -> [u8; SEALED] {
        let mut open = [0; SEALED];
        open[..2].copy_from_slice(&self.length.to_be_bytes());
        open[2] = self.offset;
        for (slot, print) in open[3..21].chunks_exact_mut(3).zip(self.pieces.iter().chain([&self.anchor])) {
            slot.copy_from_slice(&print.to_be_bytes()[1..]);
        }
        open[21..23].copy_from_slice(&self.whole.to_be_bytes());
        open[23] = self.run.map_or(0, |run| run as u8);
        mask(open, &self.hash, key)
    }

    /// Reads what [`KnownEntry::seal`] made; `None` when it is not that.
    pub(super) fn unseal(hash: [u8; 32], sealed: [u8; SEALED], key: &KnownKey) -> Option<KnownEntry> {
        let open = mask(sealed, &hash, key);
        let run = match open[23] {
            0 => None,
            12 => Some(RunLength::Twelve),
            16 => Some(RunLength::Sixteen),
            _ => return None,
        };
        let print = |at: usize| u32::from_be_bytes([0, open[at], open[at + 1], open[at + 2]]);
        let entry = KnownEntry {
            hash,
            length: u16::from_be_bytes([open[0], open[1]]),
            offset: open[2],
            run,
            pieces: std::array::from_fn(|i| print(3 + 3 * i)),
            wide_pieces: None,
            anchor: print(3 + 3 * STRIDE),
            whole: u16::from_be_bytes([open[21], open[22]]),
        };
        let (length, offset) = (usize::from(entry.length), usize::from(entry.offset));
        let sound = (MIN_KNOWN_LEN..=MAX_KNOWN_LEN).contains(&length)
            && offset <= MAX_OFFSET
            && offset + ANCHOR <= length;
        sound.then_some(entry)
    }
}

fn anchor_print(place: &[u8], key: &KnownKey) -> u32 {
    key.window(std::array::from_fn(|i| place[i]))
}

/// The runs of plain characters in a value.
fn runs(value: &[u8]) -> Vec<Span> {
    let mut at = 0;
    let parts = value.split(|byte| !RUN_BYTES.has(*byte));
    parts
        .map(|part| {
            let run = Span::new(at, at + part.len());
            at = run.end + 1;
            run
        })
        .collect()
}

/// How long the run is that a place stands in; in a text it may be longer, never shorter. None for a place that rows
/// and rulers are full of.
fn run_of(runs: &[Span], offset: usize, place: &[u8]) -> Option<RunLength> {
    let place_span = Span::new(offset, offset + ANCHOR);
    let run = runs.iter().find(|run| run.covers(place_span))?;
    let length =
        [RunLength::Sixteen, RunLength::Twelve].into_iter().find(|length| run.len() >= *length as usize);
    length.filter(|_| weak::distinct(place) >= MIN_DISTINCT)
}

fn mask(mut bytes: [u8; SEALED], hash: &[u8; 32], key: &KnownKey) -> [u8; SEALED] {
    bytes.iter_mut().zip(key.mask(hash)).for_each(|(byte, mask)| *byte ^= mask);
    bytes
}

/// How little a place looks like words: different bytes, and changes between letters, digits and the rest.
fn rarity(place: &[u8]) -> usize {
    let class = |b: u8| match b {
        b'a'..=b'z' => 0,
        b'A'..=b'Z' => 1,
        b'0'..=b'9' => 2,
        _ => 3,
    };
    weak::distinct(place) + 2 * place.windows(2).filter(|pair| class(pair[0]) != class(pair[1])).count()
}
