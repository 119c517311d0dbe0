//! A place in a text that may end too early. Line ends and tabs are seen in every writing: as bytes, and as the escapes
//! of a string that holds the text (`\n`, `\\n`).

use super::view::{TextView, TooShort};
use crate::bytes::{BLANK, ByteSet, SPACE};

/// Text inside a string inside a string has three backslashes before its quotes and letters, inside one more seven.
pub(crate) const MAX_BACKSLASHES: usize = 7;

#[derive(Clone, Copy)]
pub(crate) struct Cursor<'a> {
    pub(crate) view: TextView<'a>,
    pub(crate) at: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(view: TextView<'a>, at: usize) -> Cursor<'a> {
        Cursor { view, at }
    }

    /// The byte here; zero behind the end of a text that is complete.
    pub(crate) fn peek(&self) -> Result<u8, TooShort> {
        self.look(0)
    }

    pub(crate) fn look(&self, ahead: usize) -> Result<u8, TooShort> {
        match self.view.text.get(self.at + ahead) {
            Some(&byte) => Ok(byte),
            None if self.view.last => Ok(0),
            None => Err(TooShort),
        }
    }

    pub(crate) fn take(&mut self, byte: u8) -> Result<bool, TooShort> {
        let found = self.peek()? == byte;
        self.at += usize::from(found);
        Ok(found)
    }

    pub(crate) fn skip(&mut self, set: &ByteSet, max: usize) -> Result<usize, TooShort> {
        let rest = &self.view.text[self.at.min(self.view.text.len())..];
        let run = set.run(rest, max);
        // Behind the end of a complete text stands a zero, which is in no set.
        if run == rest.len() && run < max && !self.view.last {
            return Err(TooShort);
        }
        self.at += run;
        Ok(run)
    }

    /// Takes a word in any case.
    pub(crate) fn word(&mut self, word: &[u8]) -> Result<bool, TooShort> {
        for (ahead, byte) in word.iter().enumerate() {
            if !self.look(ahead)?.eq_ignore_ascii_case(byte) {
                return Ok(false);
            }
        }
        self.at += word.len();
        Ok(true)
    }

    /// Takes the first of some words in any case.
    pub(crate) fn any_word(&mut self, words: &[&[u8]]) -> Result<bool, TooShort> {
        let first = self.peek()?.to_ascii_lowercase();
        for word in words {
            if word[0] == first && self.word(word)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Skips spaces and tabs in every writing; how many there were.
    pub(crate) fn blanks(&mut self, max: usize) -> Result<usize, TooShort> {
        self.white(&BLANK, b"t", max)
    }

    /// Skips spaces, tabs and line ends in every writing; how many there were.
    pub(crate) fn spaces(&mut self, max: usize) -> Result<usize, TooShort> {
        self.white(&SPACE, b"nrt", max)
    }

    fn white(&mut self, set: &ByteSet, escapes: &[u8], max: usize) -> Result<usize, TooShort> {
        for count in 0..max {
            let byte = self.peek()?;
            if set.has(byte) {
                self.at += 1;
            } else if byte == 0xc2 && self.look(1)? == 0xa0 {
                self.at += 2;
            } else if let Some(width) = self.escape(escapes)? {
                self.at += width;
            } else {
                return Ok(count);
            }
        }
        Ok(max)
    }

    /// The width of an escape here that stands for one of these letters' control characters.
    pub(crate) fn escape(&self, letters: &[u8]) -> Result<Option<usize>, TooShort> {
        if self.peek()? != b'\\' {
            return Ok(None);
        }
        let run = self.backslashes()?;
        Ok(letters.contains(&self.look(run)?).then_some(run + 1))
    }

    /// How many backslashes stand here.
    pub(crate) fn backslashes(&self) -> Result<usize, TooShort> {
        let mut run = 0;
        while run < MAX_BACKSLASHES && self.look(run)? == b'\\' {
            run += 1;
        }
        Ok(run)
    }

    /// Whether a line ends here, or the text, or the string around it.
    pub(crate) fn line_end(&self) -> Result<bool, TooShort> {
        Ok(matches!(self.peek()?, 0 | b'\n' | b'\r') || self.escape(b"nr")?.is_some())
    }
}

/// Whether `at` stands behind a line end, in whatever writing, or at the text's beginning.
pub(crate) fn is_line_start(text: &[u8], at: usize) -> bool {
    match at.checked_sub(1).map(|i| text[i]) {
        None | Some(b'\n' | b'\r') => true,
        Some(b'n' | b'r') => at > 1 && text[at - 2] == b'\\',
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_are_seen_in_every_writing() {
        let skipped = |text: &str| {
            let mut cursor = Cursor::new(TextView { text: text.as_bytes(), last: true }, 0);
            (cursor.spaces(40).ok(), cursor.at)
        };
        assert_eq!(skipped(" \r\n\tx"), (Some(4), 4));
        assert_eq!(skipped("\\n  \\\\n\\tx"), (Some(5), 9));
        assert_eq!(skipped("\u{a0}x"), (Some(1), 2));
        assert_eq!(skipped("\\x"), (Some(0), 0));
        assert!(is_line_start(b"a\\nb", 3) && is_line_start(b"b", 0) && !is_line_start(b"anb", 2));
    }

    #[test]
    fn a_text_that_goes_on_is_too_short() {
        let cursor = Cursor::new(TextView { text: b"\\", last: false }, 0);
        assert!(cursor.escape(b"n").is_err() && cursor.line_end().is_err());
    }
}
