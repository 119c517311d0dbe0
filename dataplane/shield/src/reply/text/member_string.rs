//! Whether a place in a text that is no whole JSON document is in the string of a member: in a part of a document, as
//! edits, patches and examples have it. What asks the same of a request is `request/scan/member_string.rs`.
//!
//! ```text
//!   Other --"--> Quote --:--> Colon --"--> a string is open, until its quote --> Quote
//! ```

use memchr::{memchr2, memchr3};

use crate::json::{MAX_QUOTE_LAYERS, quote_layers};

/// Follows one text.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct MemberString {
    /// Which strings of members inside each other are around the current place.
    open: [bool; MAX_QUOTE_LAYERS as usize],
    last: LastSeen,
    /// Backslashes right before the current place.
    backslashes: u8,
}

/// What stands before the current place, and blanks.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum LastSeen {
    #[default]
    Other,
    /// A quote in so many strings, with the one that it begins or ends; it may end a name.
    Quote(u8),
    /// The colon after it.
    Colon(u8),
}

impl MemberString {
    /// In how many strings inside each other the current place is, as far as the quotes before it say; 0 if it is in that of no
    /// member.
    pub(crate) fn layers(self) -> u8 {
        (1..=MAX_QUOTE_LAYERS).rev().find(|layers| self.open[usize::from(layers - 1)]).unwrap_or(0)
    }

    /// Follows one byte.
    pub(crate) fn byte(&mut self, byte: u8) {
        let backslashes = std::mem::take(&mut self.backslashes);
        self.last = match (byte, self.last) {
            (b'\\', last) => {
                self.backslashes = backslashes.saturating_add(1);
                last
            }
            (b'"', last) => self.quote(usize::from(backslashes), last),
            (b'\r' | b'\n', last) => {
                // A string of JSON ends with its line.
                let is_outside = self.layers() == 0 && backslashes == 0;
                let last = if is_outside { last } else { LastSeen::Other };
                self.open = [false; MAX_QUOTE_LAYERS as usize];
                last
            }
            (b':', LastSeen::Quote(layers)) if backslashes == 0 => LastSeen::Colon(layers),
            (b' ' | b'\t', last) if backslashes == 0 => last,
            _ => LastSeen::Other,
        };
    }

    fn quote(&mut self, backslashes: usize, last: LastSeen) -> LastSeen {
        let Some(layers) = quote_layers(backslashes) else { return LastSeen::Other };
        if layers > self.layers() && last == LastSeen::Colon(layers) {
            self.open[usize::from(layers - 1)] = true;
            return LastSeen::Other;
        }
        self.open[usize::from(layers - 1)..].fill(false);
        LastSeen::Quote(layers)
    }

    /// Follows a piece of the text.
    pub(crate) fn run(&mut self, text: &[u8]) {
        let mut at = 0;
        while at < text.len() {
            let rest = &text[at..];
            let next = match self.last {
                LastSeen::Other if self.backslashes > 0 => Some(0),
                LastSeen::Other if self.layers() == 0 => memchr2(b'"', b'\\', rest),
                LastSeen::Other => memchr3(b'"', b'\\', b'\n', rest),
                _ => Some(0),
            };
            let Some(step) = next else { return };
            self.byte(rest[step]);
            at += step + 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::tests::support::MEMBER_STRINGS;

    #[test]
    fn strings_of_members_are_told_from_other_text() {
        for (text, expected) in MEMBER_STRINGS {
            let end = text.find('@').expect("a mark");
            for step in 1..=end.max(1) {
                let mut member = MemberString::default();
                text.as_bytes()[..end].chunks(step).for_each(|piece| member.run(piece));
                assert_eq!(member.layers(), expected, "{text} by {step}");
            }
            let mut member = MemberString::default();
            text.as_bytes()[..end].iter().for_each(|byte| member.byte(*byte));
            assert_eq!(member.layers(), expected, "{text}");
        }
    }
}
