//! A manifest in JSON, which may stand inside a string: then every quote has as many backslashes as the first.

use super::document::{KEYS, Manifest};
use crate::text::{Span, TextView, TooShort};

/// How deep objects are followed.
const MAX_DEPTH: usize = 32;
/// A string of so many bytes without its end is a value that is longer than what is read of a manifest.
const LONG: usize = 1024;

/// A reader of the tokens of JSON.
struct Tokens<'a> {
    view: TextView<'a>,
    at: usize,
    backslashes: usize,
}

/// A token of JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum JsonToken {
    /// A string's content.
    Text(Span),
    Sign(u8),
    End,
}

/// Reads the manifest whose first telling key, a string, begins at `start`.
pub(super) fn read(view: TextView<'_>, start: usize) -> Result<Manifest, TooShort> {
    let backslashes = view.text[..start - 1].iter().rev().take(8).take_while(|b| **b == b'\\').count();
    let mut tokens = Tokens { view, at: start - 1 - backslashes, backslashes };
    let mut manifest = Manifest { end: start, ..Manifest::default() };
    let mut depth = 0;
    let mut section = None;
    let mut keys = 0;
    loop {
        let token = tokens.next()?;
        manifest.end = tokens.at;
        match token {
            JsonToken::End => break,
            JsonToken::Sign(b'{' | b'[') => depth += 1,
            JsonToken::Sign(b'}' | b']') if depth == 0 => break,
            JsonToken::Sign(b'}' | b']') => {
                depth -= 1;
                section = section.filter(|_| depth > 0);
            }
            JsonToken::Text(key) if depth < 2 && tokens.colon()? => {
                let key = &view.text[key];
                keys += usize::from(depth == 0 && matches!(key, b"kind" | b"apiVersion"));
                if keys > 2 || (depth == 0 && !KEYS.contains(&key)) {
                    break;
                }
                let value = tokens.clone_next()?;
                match (depth, value) {
                    (0, JsonToken::Text(kind)) if key == b"kind" => {
                        manifest.secret |= view.text[kind].eq_ignore_ascii_case(b"secret");
                    }
                    (0, JsonToken::Sign(b'{')) if key == b"data" => section = Some(true),
                    (0, JsonToken::Sign(b'{')) if key == b"stringData" => section = Some(false),
                    (1, JsonToken::Text(value)) => {
                        if let Some(encoded) = section {
                            manifest.push(value, encoded);
                        }
                        tokens.next()?;
                    }
                    _ => {}
                }
            }
            // Its first string was to be a key.
            JsonToken::Text(..) if keys == 0 => break,
            JsonToken::Text(..) | JsonToken::Sign(_) => {}
        }
        if depth > MAX_DEPTH {
            break;
        }
    }
    Ok(manifest)
}

impl Tokens<'_> {
    fn byte(&self) -> Result<Option<u8>, TooShort> {
        match self.view.text.get(self.at) {
            Some(&byte) => Ok(Some(byte)),
            None if self.view.last => Ok(None),
            None => Err(TooShort),
        }
    }

    /// The next token; what is no JSON ends the manifest.
    fn next(&mut self) -> Result<JsonToken, TooShort> {
        loop {
            let Some(byte) = self.byte()? else { return Ok(JsonToken::End) };
            match byte {
                b'{' | b'}' | b'[' | b']' => {
                    self.at += 1;
                    return Ok(JsonToken::Sign(byte));
                }
                b'"' if self.backslashes == 0 => return self.string(1),
                b'\\' => {
                    let run = self.view.text[self.at..].iter().take_while(|b| **b == b'\\').count();
                    let Some(&next) = self.view.text.get(self.at + run) else {
                        return if self.view.last { Ok(JsonToken::End) } else { Err(TooShort) };
                    };
                    if next == b'"' && run == self.backslashes {
                        return self.string(run + 1);
                    }
                    if !matches!(next, b'n' | b'r' | b't') {
                        return Ok(JsonToken::End);
                    }
                    self.at += run + 1;
                }
                b' ' | b'\t' | b'\r' | b'\n' | b',' | b':' | b'-' | b'.' => self.at += 1,
                _ if byte.is_ascii_alphanumeric() => self.at += 1,
                _ => return Ok(JsonToken::End),
            }
        }
    }

    fn clone_next(&self) -> Result<JsonToken, TooShort> {
        Tokens { ..*self }.next()
    }

    /// Reads a string whose opening quote is `width` bytes wide.
    fn string(&mut self, width: usize) -> Result<JsonToken, TooShort> {
        let text = self.view.text;
        let start = self.at + width;
        let mut at = start;
        loop {
            let Some(step) = memchr::memchr2(b'"', b'\\', &text[at.min(text.len())..]) else {
                return match self.view.last {
                    false => Err(TooShort),
                    // A value goes on where reading stops.
                    true if text.len() >= start + LONG => {
                        self.at = text.len();
                        Ok(JsonToken::Text(Span::new(start, text.len())))
                    }
                    true => Ok(JsonToken::End),
                };
            };
            at += step;
            let run = text[at..].iter().take_while(|b| **b == b'\\').count();
            let Some(&next) = text.get(at + run) else {
                return if self.view.last { Ok(JsonToken::End) } else { Err(TooShort) };
            };
            let closes =
                next == b'"' && if self.backslashes == 0 { run % 2 == 0 } else { run <= self.backslashes };
            if closes {
                let end = if self.backslashes == 0 { at + run } else { at };
                self.at = at + run + 1;
                return Ok(JsonToken::Text(Span::new(start, end)));
            }
            at += run + 1;
        }
    }

    /// Whether a colon follows; takes nothing else than blanks and it.
    fn colon(&mut self) -> Result<bool, TooShort> {
        while let Some(byte) = self.byte()? {
            match byte {
                b' ' => self.at += 1,
                b':' => return Ok(true),
                _ => return Ok(false),
            }
        }
        Ok(false)
    }
}
