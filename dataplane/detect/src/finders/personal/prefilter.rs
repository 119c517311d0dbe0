//! The places in a text that are worth a look: where numbers and addresses can begin, by the bytes right beside them.
//!
//! Masks of whole blocks show them: most digits in code and markup are short runs that stand alone, and nobody needs to
//! look at those. A place depends on two bytes before it and [`SPAN`] behind it, not on where blocks begin; what the
//! end of a window cuts off is looked at again in the next one ([`LOOKAHEAD`]).

#![expect(clippy::cast_possible_truncation, reason = "of two joined masks the lower half is wanted")]

use crate::bytes::mask::{BLOCK, each, is, within};
use crate::text::LOOKAHEAD;

/// How much of the text behind a place decides whether it is one.
const SPAN: usize = 17;
const _: () = assert!(SPAN < BLOCK && SPAN < LOOKAHEAD);

/// What can begin at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProbeSite {
    /// A number: its first digit.
    Number(usize),
    /// An IPv6 or MAC address: its first colon or dash.
    Address(usize),
}

/// What the bytes of a block are.
#[derive(Clone, Copy, Default)]
struct Masks {
    digits: u64,
    /// Colons and dashes.
    colons: u64,
    /// What stands between groups of digits; known where there are digits.
    seps: u64,
    /// Of those, full stops and dashes.
    points: u64,
    /// Upper-case letters; known where there are digits.
    upper: u64,
}

impl Masks {
    /// Those of the first block of `rest`; behind the end of the text nothing stands.
    fn new(rest: &[u8]) -> Masks {
        if let Some(block) = rest.first_chunk() {
            return Masks::of(block);
        }
        let mut block = [0; BLOCK];
        block[..rest.len()].copy_from_slice(rest);
        Masks::of(&block)
    }

    #[inline]
    fn of(block: &[u8; BLOCK]) -> Masks {
        let digits = each(block, |v| within(v, b'0', b'9'));
        let colons = each(block, |v| is(v, b':') | is(v, b'-'));
        if digits == 0 {
            return Masks { colons, ..Masks::default() };
        }
        let points = each(block, |v| within(v, b'-', b'.'));
        let seps = points | each(block, |v| within(v, b'(', b')') | is(v, b'/') | is(v, b' '));
        let upper = each(block, |v| within(v, b'A', b'Z'));
        Masks { digits, colons, seps, points, upper }
    }
}

/// Calls `look` with each place.
pub(super) fn probe_sites(text: &[u8], mut look: impl FnMut(ProbeSite)) {
    let mut before = Masks::default();
    let mut here = Masks::new(text);
    for from in (0..text.len()).step_by(BLOCK) {
        let next = Masks::new(text.get(from + BLOCK..).unwrap_or_default());
        if here.digits != 0 {
            let last = text[..from].last_chunk().copied().unwrap_or_default();
            for bit in Bits(numbers(here, next, last)) {
                look(ProbeSite::Number(from + bit));
            }
        }
        // An address has digits: before its first colon or behind it.
        if here.colons != 0 && (before.digits | here.digits | next.digits) != 0 {
            for bit in Bits(addresses(here, next)) {
                look(ProbeSite::Address(from + bit));
            }
        }
        (before, here) = (here, next);
    }
}

fn join(here: u64, next: u64) -> u128 {
    u128::from(here) | u128::from(next) << BLOCK
}

/// The first digits of runs that can be numbers: of six digits and more, of two behind two capitals, or with another
/// run behind one to three separators. None that goes on behind a full stop or a dash. `last` are the bytes before the
/// block.
fn numbers(here: Masks, next: Masks, last: [u8; 2]) -> u64 {
    let digits = join(here.digits, next.digits);
    let seps = join(here.seps, next.seps);
    let pairs = digits & digits >> 1;
    let fours = pairs & pairs >> 2;
    let whole = fours & pairs >> 4;
    let follows = seps >> 1 & (digits >> 2 | seps >> 2 & (digits >> 3 | seps >> 3 & digits >> 4));
    // From the last digit of a run back to its first.
    let mut more = digits & !(digits >> 1) & follows;
    more |= more >> 1 & digits;
    more |= more >> 2 & pairs;
    more |= more >> 2 & pairs;
    let digit = |byte: u8| u64::from(byte.is_ascii_digit());
    let behind = here.digits << 1 | digit(last[1]);
    // A number goes on behind a point or a dash.
    let point = here.points << 1 | u64::from(matches!(last[1], b'-' | b'.'));
    let inner = point & (here.digits << 2 | digit(last[1]) << 1 | digit(last[0]));
    let begins = here.digits & !(behind | inner);
    let capital = |byte: u8| u64::from(byte.is_ascii_uppercase());
    let letter = here.upper << 1 | capital(last[1]);
    let letters = letter & (here.upper << 2 | capital(last[1]) << 1 | capital(last[0]));
    // Of the joined masks, the half of this block.
    begins & ((whole | more) as u64 | letters & pairs as u64)
}

/// Colons and dashes that have another one behind at most four bytes.
fn addresses(here: Masks, next: Masks) -> u64 {
    let colons = join(here.colons, next.colons);
    let another = colons >> 1 | colons >> 2 | colons >> 3 | colons >> 4 | colons >> 5;
    here.colons & another as u64
}

/// The places of a mask's bits, ascending.
struct Bits(u64);

impl Iterator for Bits {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let bit = self.0.trailing_zeros();
        self.0 &= self.0.checked_sub(1)?;
        Some(bit as usize)
    }
}

/// How many digits the [`SPAN`] bytes from `at` on have: what is thinner is no number and no address.
pub(super) fn digits_behind(text: &[u8], at: usize) -> usize {
    let count = |bytes: &[u8]| bytes.iter().filter(|b| b.is_ascii_digit()).count();
    // With a length that the compiler knows where it can be.
    text[at..].first_chunk::<SPAN>().map_or_else(|| count(&text[at..]), |bytes| count(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn met(text: &str) -> Vec<ProbeSite> {
        let mut met = Vec::new();
        probe_sites(text.as_bytes(), |place| met.push(place));
        met.sort_by_key(|place| match place {
            ProbeSite::Number(at) | ProbeSite::Address(at) => *at,
        });
        met
    }

    #[test]
    fn places_do_not_depend_on_where_blocks_begin() {
        use ProbeSite::{Address, Number};
        for shift in 0..2 * BLOCK {
            let before = "x".repeat(shift);
            for (text, expected) in [
                ("123456", &[Number(0)][..]),
                ("12345", &[]),
                ("12345x6", &[]),
                ("12345 6", &[Number(0)]),
                ("12345 (/6", &[Number(0)]),
                ("12345 (/)6", &[]),
                ("1.2.3.4", &[Number(0)]),
                ("1 2-3 4", &[Number(0), Number(2)]),
                ("x-2 4", &[Number(2)]),
                ("(+49 30", &[Number(2)]),
                ("AB12 A12 AB1", &[Number(2)]),
                ("1 2", &[Number(0)]),
                ("2001:db8::1", &[Address(4), Address(8)]),
                ("3c-22-fb", &[Address(2)]),
                ("a:b::c", &[]),
            ] {
                let moved = |place: &ProbeSite| match place {
                    Number(at) => Number(at + shift),
                    Address(at) => Address(at + shift),
                };
                let mut expected: Vec<ProbeSite> = expected.iter().map(moved).collect();
                expected.sort_by_key(|place| match place {
                    Number(at) | Address(at) => *at,
                });
                assert_eq!(met(&format!("{before}{text}")), expected, "{shift} before {text}");
                assert_eq!(
                    met(&format!("{before}{text}{}", "y".repeat(BLOCK))),
                    expected,
                    "{shift} before {text}"
                );
            }
        }
        assert_eq!(met(""), []);
    }

    #[test]
    fn digits_are_counted_as_far_as_the_span() {
        let text = format!("1{}23", "-".repeat(SPAN - 2));
        assert_eq!(digits_behind(text.as_bytes(), 0), 2);
        assert_eq!(digits_behind(b"12", 0), 2);
        assert_eq!(digits_behind(b"12", 2), 0);
    }
}
