//! Characters that are written otherwise: `&#58;`, `&colon;`, `%3A`, and `%253A`, which is what a second encoding makes
//! of it.

/// Bytes of the longest name that is known, with the `&`.
const MAX_REFERENCE: usize = 9;

/// What may be a character written otherwise, as far as it has been read.
#[derive(Clone, Copy, Default)]
pub(crate) struct Reference {
    bytes: [u8; MAX_REFERENCE],
    len: u8,
    /// Of a number: its value so far, and whether it has a digit.
    value: u32,
    digits: bool,
}

/// What one more byte makes of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ReferenceStep {
    /// It may go on.
    More,
    /// It stands for this character (0xff beyond ASCII). Whether the byte belonged to it.
    Decoded(u8, bool),
    /// It is text like any other, and the byte does not belong to it.
    Text,
}

impl Reference {
    /// Begins with `byte`, an `&` or `%`.
    pub(crate) fn begin(&mut self, byte: u8) {
        *self = Self::default();
        self.keep(byte);
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether it is the beginning of a number, whose character what follows decides.
    pub(crate) fn is_number(&self) -> bool {
        self.len > 1 && self.bytes[1] == b'#'
    }

    /// What was read, which is forgotten.
    pub(crate) fn take(&mut self) -> ([u8; MAX_REFERENCE], usize) {
        let taken = (self.bytes, usize::from(self.len));
        *self = Self::default();
        taken
    }

    /// Goes on with `byte`.
    pub(crate) fn push(&mut self, byte: u8) -> ReferenceStep {
        let step = if self.bytes[0] == b'%' {
            self.percent(byte)
        } else if self.is_number() {
            self.number(byte)
        } else {
            self.name(byte)
        };
        if matches!(step, ReferenceStep::Decoded(..)) {
            *self = Self::default();
        }
        step
    }

    fn keep(&mut self, byte: u8) {
        if let Some(room) = self.bytes.get_mut(usize::from(self.len)) {
            *room = byte;
            self.len += 1;
        }
    }

    fn digit(&mut self, byte: u8, radix: u32) -> bool {
        let digit = (byte as char).to_digit(radix);
        if let Some(digit) = digit {
            self.value = self.value.saturating_mul(radix).saturating_add(digit);
            self.digits = true;
        }
        digit.is_some()
    }

    fn percent(&mut self, byte: u8) -> ReferenceStep {
        if !self.digit(byte, 16) {
            return ReferenceStep::Text;
        }
        self.keep(byte);
        match (self.len, self.character()) {
            (..3, _) => ReferenceStep::More,
            (_, b'%') => {
                self.begin(b'%');
                ReferenceStep::More
            }
            (_, character) => ReferenceStep::Decoded(character, true),
        }
    }

    fn number(&mut self, byte: u8) -> ReferenceStep {
        let hexadecimal = self.bytes[2] == b'x';
        if self.len == 2 && !self.digits && matches!(byte, b'x' | b'X') {
            self.keep(b'x');
            return ReferenceStep::More;
        }
        if self.digit(byte, if hexadecimal { 16 } else { 10 }) {
            return ReferenceStep::More;
        }
        if self.digits { ReferenceStep::Decoded(self.character(), byte == b';') } else { ReferenceStep::Text }
    }

    fn name(&mut self, byte: u8) -> ReferenceStep {
        let len = usize::from(self.len);
        if byte == b';' {
            return named(&self.bytes[1..len])
                .map_or(ReferenceStep::Text, |character| ReferenceStep::Decoded(character, true));
        }
        let goes_on = byte.is_ascii_alphanumeric() || (len == 1 && byte == b'#');
        if !goes_on || len == MAX_REFERENCE {
            return ReferenceStep::Text;
        }
        self.keep(byte);
        ReferenceStep::More
    }

    fn character(&self) -> u8 {
        u8::try_from(self.value).ok().filter(u8::is_ascii).unwrap_or(0xff)
    }
}

/// The characters with names of their own that can be part of where an address leads.
fn named(name: &[u8]) -> Option<u8> {
    Some(match name {
        b"colon" => b':',
        b"sol" => b'/',
        b"bsol" => b'\\',
        b"period" => b'.',
        b"commat" => b'@',
        b"Tab" => b'\t',
        b"NewLine" => b'\n',
        b"quest" => b'?',
        b"num" => b'#',
        b"percnt" => b'%',
        b"lowbar" => b'_',
        b"hyphen" | b"dash" => b'-',
        b"lsqb" | b"lbrack" => b'[',
        b"rsqb" | b"rbrack" => b']',
        b"amp" | b"AMP" => b'&',
        b"quot" | b"QUOT" => b'"',
        b"apos" => b'\'',
        b"lpar" => b'(',
        b"rpar" => b')',
        b"equals" => b'=',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> ReferenceStep {
        let mut reference = Reference::default();
        let mut bytes = text.bytes();
        reference.begin(bytes.next().unwrap());
        for byte in bytes {
            match reference.push(byte) {
                ReferenceStep::More => {}
                step => return step,
            }
        }
        ReferenceStep::More
    }

    #[test]
    fn characters_are_decoded() {
        for (text, expected) in [
            ("&#58;", ReferenceStep::Decoded(b':', true)),
            ("&#58/", ReferenceStep::Decoded(b':', false)),
            ("&#x3a;", ReferenceStep::Decoded(b':', true)),
            ("&#X00000000003A;", ReferenceStep::Decoded(b':', true)),
            ("&#00000000000047;", ReferenceStep::Decoded(b'/', true)),
            ("&#8226;", ReferenceStep::Decoded(0xff, true)),
            ("&#99999999999999999999;", ReferenceStep::Decoded(0xff, true)),
            ("&colon;", ReferenceStep::Decoded(b':', true)),
            ("&NewLine;", ReferenceStep::Decoded(b'\n', true)),
            ("&nbsp;", ReferenceStep::Text),
            ("&b=", ReferenceStep::Text),
            ("& ", ReferenceStep::Text),
            ("&#x;", ReferenceStep::Text),
            ("&#;", ReferenceStep::Text),
            ("&abcdefghi", ReferenceStep::Text),
            ("%3A", ReferenceStep::Decoded(b':', true)),
            ("%253a", ReferenceStep::Decoded(b':', true)),
            ("%25252f", ReferenceStep::Decoded(b'/', true)),
            ("%e2", ReferenceStep::Decoded(0xff, true)),
            ("%3g", ReferenceStep::Text),
            ("%3", ReferenceStep::More),
            ("&#5", ReferenceStep::More),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }
}
