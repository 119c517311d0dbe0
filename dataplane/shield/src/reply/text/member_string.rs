//! Whether a place in a text that is no whole JSON document is in the string of a member: in a part of a document, as
//! edits, patches and examples have it.
//!
//! ```text
//!   Outside --"--> Quote --:--> Colon --"--> Value --"--> Quote
//! ```

use memchr::{memchr, memchr3};

/// Follows one text.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) enum MemberString {
    #[default]
    Outside,
    /// Behind a quote, which may end a name, and blanks.
    Quote,
    /// Behind the colon after it, and blanks.
    Colon,
    /// In the string that follows.
    Value,
    /// Behind a backslash in it.
    Escape,
}

impl MemberString {
    /// Whether the current place is in a member's string.
    pub(crate) fn is_in_value(self) -> bool {
        self == Self::Value
    }

    /// Follows one byte.
    pub(crate) fn byte(&mut self, byte: u8) {
        *self = match (*self, byte) {
            (Self::Value, b'\\') => Self::Escape,
            // A string of JSON ends with its line.
            (Self::Value | Self::Escape, b'\r' | b'\n') => Self::Outside,
            (Self::Value | Self::Outside | Self::Quote, b'"') => Self::Quote,
            (Self::Escape | Self::Value, _) | (Self::Colon, b'"') => Self::Value,
            (Self::Quote, b':') => Self::Colon,
            (Self::Quote | Self::Colon, b' ' | b'\t' | b'\r' | b'\n') => *self,
            _ => Self::Outside,
        };
    }

    /// Follows a piece of the text.
    pub(crate) fn run(&mut self, text: &[u8]) {
        let mut at = 0;
        while at < text.len() {
            let rest = &text[at..];
            let next = match self {
                Self::Outside => memchr(b'"', rest),
                Self::Value => memchr3(b'"', b'\\', b'\n', rest),
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

    #[test]
    fn strings_of_members_are_told_from_other_text() {
        for (text, expected) in [
            ("@", false),
            ("\"@", false),
            ("\"a\": \"@", true),
            ("  \"a\" :\n\t\"https://x:@", true),
            ("\"a\":\"\\\"@", true),
            ("\"a\":\"\\\\\"@", false),
            ("\"a\":\"b\" @", false),
            ("\"a\":\"b\", \"c\": \"@", true),
            ("\"a\": @", false),
            ("\"a\":\"b\n@", false),
            ("a: \"@", false),
            ("export A=\"@", false),
            ("\"a\", \"@", false),
            ("```json\n{\n  \"a\": \"@", true),
        ] {
            let end = text.find('@').expect("a mark");
            for step in 1..=end.max(1) {
                let mut member = MemberString::default();
                text.as_bytes()[..end].chunks(step).for_each(|piece| member.run(piece));
                assert_eq!(member.is_in_value(), expected, "{text} by {step}");
            }
            let mut member = MemberString::default();
            text.as_bytes()[..end].iter().for_each(|byte| member.byte(*byte));
            assert_eq!(member.is_in_value(), expected, "{text}");
        }
    }
}
