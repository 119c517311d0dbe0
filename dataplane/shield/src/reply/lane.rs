//! One channel of text on its way to the client: what is held back, where in JSON it is, and how tokens in it
//! are replaced.
//!
//! A lane is fed raw text in pieces of any size: a whole document as it arrives, or the contents of the JSON
//! strings that a channel's events carry, as they are written between their quotes. It must let every byte out
//! exactly once and in order, and change none outside of tokens.

use aegis_detect::Category;

use super::matcher::{self, Hit, MAX_HELD, Matcher, Prefix, Walk};
use super::nest::Nest;
use super::text::Text;
use super::{LaneKind, RestoreGate, Tally};
use crate::vault::Vault;

/// What all lanes of one reply share.
pub(super) struct Kit {
    pub(super) vault: Vault,
    pub(super) matcher: Matcher,
    pub(super) tally: Tally,
    pub(super) gate: Option<Box<dyn RestoreGate>>,
    /// Written after a line break of a restored value that lands outside of JSON: the head of the next line in
    /// a framing by lines.
    pub(super) line_head: &'static [u8],
    joined: Vec<u8>,
}

impl Kit {
    pub(super) fn new(vault: Vault) -> Self {
        let matcher = Matcher::new(vault.tokens());
        Self { vault, matcher, tally: Tally::default(), gate: None, line_head: b"", joined: Vec::new() }
    }

    /// Asks the gate, if there is one.
    pub(super) fn allows(&mut self, lane: LaneKind, tool: Option<&str>) -> bool {
        self.gate.as_mut().is_none_or(|gate| gate.allow(lane, tool))
    }
}

/// See the module's documentation.
pub(super) struct Lane {
    nest: Nest,
    /// Raw bytes that may still become a token.
    held: Vec<u8>,
    /// The end of what went out, if it may become a token of another vault: so that these are counted however
    /// the text is cut.
    foreign: Option<Prefix>,
    restore: bool,
}

impl Lane {
    pub(super) fn new(nest: Nest, restore: bool) -> Self {
        Self { nest, held: Vec::new(), foreign: None, restore }
    }

    pub(super) fn holds(&self) -> bool {
        !self.held.is_empty()
    }

    /// Takes the next piece of text. Answers `false` if it goes out as it came, or appends to `out` what goes
    /// out instead. With `last`, nothing is held back.
    pub(super) fn feed(&mut self, kit: &mut Kit, text: &[u8], last: bool, out: &mut Text) -> bool {
        if !self.restore {
            return false;
        }
        self.follow_foreign(kit, text, last);
        if self.held.is_empty() {
            return self.run(kit, text, last, out);
        }
        let mut joined = std::mem::take(&mut kit.joined);
        joined.clear();
        joined.append(&mut self.held);
        joined.extend_from_slice(text);
        if !self.run(kit, &joined, last, out) {
            out.extend_from_slice(&joined);
        }
        kit.joined = joined;
        true
    }

    /// As [`feed`](Self::feed), but `out` gets the text in any case.
    pub(super) fn pass(&mut self, kit: &mut Kit, text: &[u8], out: &mut Text) {
        if !self.feed(kit, text, false, out) {
            out.extend_from_slice(text);
        }
    }

    /// Lets out what is held, literally: it did not become a token.
    pub(super) fn flush(&mut self, kit: &mut Kit, out: &mut Text) {
        self.feed(kit, b"", true, out);
    }

    fn run(&mut self, kit: &mut Kit, text: &[u8], last: bool, out: &mut Text) -> bool {
        let (mut written, mut followed, mut from) = (0, 0, 0);
        let mut edited = false;
        while let Some(mut hit) = matcher::next(text, from, true) {
            let start = hit.start;
            from = start + 1;
            self.nest.advance(&text[followed..start]);
            followed = start;
            // The `a` of `\u001a` begins nothing, and held back it would leave half an escape behind. In an opaque
            // value nothing is a token.
            if self.nest.in_escape() || self.nest.is_opaque() {
                continue;
            }
            if !self.nest.in_string() {
                match Some(text[start]).filter(|&byte| byte != b'\\') {
                    None => continue,
                    Some(_) => match matcher::probe(text, start, false) {
                        None => continue,
                        Some(plain) => hit = plain,
                    },
                }
            }
            let Hit { walk, prefix, width, .. } = hit;
            match walk {
                Walk::Open if !last && kit.matcher.expects(&prefix) && !self.is_ragged(&text[start..]) => {
                    out.extend_from_slice(&text[written..start]);
                    self.held.extend_from_slice(&text[start..]);
                    debug_assert!(self.held.len() <= MAX_HELD);
                    return true;
                }
                Walk::Open if !last => self.foreign = Some(prefix),
                Walk::Open | Walk::Broken => kit.tally.unresolved += u64::from(prefix.names_a_token()),
                Walk::Complete(token, end) => {
                    if let Some(secret) = kit.vault.resolve(&token) {
                        out.extend_from_slice(&text[written..start]);
                        out.secret(token, self.depth_for(token.category(), secret), kit.line_head);
                        kit.tally.restored += 1;
                        (written, from, edited) = (end, end, true);
                        continue;
                    }
                    kit.tally.unresolved += 1;
                }
            }
            from = start + width;
        }
        self.nest.advance(&text[followed..]);
        if edited {
            out.extend_from_slice(&text[written..]);
        }
        edited
    }

    /// Whether `tail` ends within an escape although it is the content of whole JSON strings: then the last of them
    /// is broken, and its end must not go on in another.
    fn is_ragged(&self, tail: &[u8]) -> bool {
        self.nest.is_inside() && matcher::ends_in_escape(tail)
    }

    /// How often `secret` must be escaped here.
    ///
    /// A private key seen with literal `\n` stood in a JSON text at that text's own level, so its form is
    /// already that of a string's content there: put into a string of such a text, it is not escaped for
    /// that string again. (A password with a backslash is no such form: no other kind holds line breaks.)
    fn depth_for(&self, category: Category, secret: &[u8]) -> u8 {
        let depth = self.nest.depth();
        let escaped_key = category == Category::Pkey
            && self.nest.tentative() > 0
            && !secret.contains(&b'\n')
            && secret.windows(2).any(|pair| pair == b"\\n");
        depth - u8::from(escaped_key)
    }

    /// Goes on with the token of another vault whose beginning already went out.
    fn follow_foreign(&mut self, kit: &mut Kit, text: &[u8], last: bool) {
        let Some(mut prefix) = self.foreign.take() else { return };
        match matcher::walk(&mut prefix, text, 0, true) {
            Walk::Open if !last => self.foreign = Some(prefix),
            Walk::Open | Walk::Complete(..) | Walk::Broken => {
                kit.tally.unresolved += u64::from(prefix.names_a_token());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::text::Cursor;
    use super::*;
    use crate::token::Keyring;

    /// Feeds `pieces` to a lane of the contents of JSON strings.
    fn fed(pieces: &[&str]) -> Vec<String> {
        let token = Keyring::new(&[1; 32], "acme", 0, &[]).unwrap().mint(Category::Key, b"x");
        let mut vault = Vault::new();
        vault.insert(token, b"x").unwrap();
        let (mut kit, mut lane) = (Kit::new(vault), Lane::new(Nest::literal(false), true));
        let feed = |piece: &&str| {
            let (mut text, mut out) = (Text::default(), Vec::new());
            lane.pass(&mut kit, piece.as_bytes(), &mut text);
            assert!(Cursor::default().write(&text, &kit.vault, &mut out, usize::MAX));
            String::from_utf8(out).unwrap()
        };
        pieces.iter().map(feed).collect()
    }

    #[test]
    fn an_escape_that_ends_like_a_token_begins_is_not_cut() {
        for pieces in [["caf\\u00ea", "x"], ["\\u001a", "\\u00aa"], ["{\\\"a\\u000a", "}"]] {
            assert_eq!(fed(&pieces), pieces);
        }
        assert_eq!(fed(&["aeg", "\\u001a"]), ["", "aeg\\u001a"], "behind held text");
    }
}
