//! Restored text on its way out: literal bytes, and the secrets that go in between by name.
//!
//! Restoring multiplies: 36 KB of tokens may stand for 18 MB. So nothing here copies a secret into a buffer. What a
//! restorer writes is kept as what was there already and the tokens to resolve, and the secrets' bytes are written
//! straight from the vault when, and as far as, the caller has room for them. A text is thus never larger than its
//! input by much.

use crate::json::escape_into;
use crate::token::Token;
use crate::vault::Vault;

/// Bytes of a secret that are written at once. Escaped, they may go beyond the caller's limit by a few times as much.
const PIECE: usize = 256;

/// What is written for a token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum SecretForm {
    /// What it stands for.
    Value,
    /// That as somebody spelled it in a string of a document.
    Spelling,
}

impl SecretForm {
    /// The bytes that `token` stands for in this form.
    pub(crate) fn of<'v>(self, token: &Token, vault: &'v Vault) -> Option<&'v [u8]> {
        match self {
            Self::Value => vault.resolve(token),
            Self::Spelling => vault.spelling(token).map(|(text, _)| text),
        }
    }
}

/// A secret's place.
#[derive(Clone, Copy)]
struct SecretInsert {
    /// How many literal bytes come before it.
    at: usize,
    token: Token,
    form: SecretForm,
    /// How often it is escaped.
    depth: u8,
    /// Written after each line break of a secret that is not escaped.
    line_head: &'static [u8],
}

/// A place in a text.
#[derive(Clone, Copy, Default)]
pub(crate) struct TextMark {
    bytes: usize,
    inserts: usize,
}

/// See the module's documentation.
#[derive(Default)]
pub(crate) struct RestoredText {
    bytes: Vec<u8>,
    inserts: Vec<SecretInsert>,
}

impl RestoredText {
    /// Appends literal bytes.
    pub(crate) fn extend_from_slice(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Appends one literal byte.
    pub(crate) fn push(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    /// Appends what `token` stands for, in a form and escaped so often.
    pub(crate) fn secret(&mut self, token: Token, (form, depth): (SecretForm, u8), line_head: &'static [u8]) {
        self.inserts.push(SecretInsert { at: self.bytes.len(), token, form, depth, line_head });
    }

    /// Its present end.
    pub(crate) fn mark(&self) -> TextMark {
        TextMark { bytes: self.bytes.len(), inserts: self.inserts.len() }
    }

    /// Forgets what came after `mark`.
    pub(crate) fn truncate(&mut self, mark: TextMark) {
        self.bytes.truncate(mark.bytes);
        self.inserts.truncate(mark.inserts);
    }

    /// Appends the part of `other` between two marks.
    pub(crate) fn append(&mut self, other: &Self, from: TextMark, to: TextMark) {
        let base = self.bytes.len();
        self.bytes.extend_from_slice(&other.bytes[from.bytes..to.bytes]);
        let moved = other.inserts[from.inserts..to.inserts].iter();
        self.inserts
            .extend(moved.map(|insert| SecretInsert { at: base + insert.at - from.bytes, ..*insert }));
    }

    /// Forgets everything; keeps at most about `kept` bytes of memory.
    pub(crate) fn clear(&mut self, kept: usize) {
        self.bytes.clear();
        self.inserts.clear();
        self.bytes.shrink_to(kept);
        self.inserts.shrink_to(kept / size_of::<SecretInsert>());
    }

    /// Bytes of memory held.
    pub(crate) fn capacity(&self) -> usize {
        self.bytes.capacity() + self.inserts.capacity() * size_of::<SecretInsert>()
    }
}

/// How far a text has been written.
#[derive(Clone, Copy, Default)]
pub(crate) struct WritePosition {
    at: TextMark,
    /// Bytes of the next secret that were written already.
    within: usize,
}

impl WritePosition {
    /// Goes on writing `text` until `out` is `limit` bytes long. True when all of it has been written. Only the last
    /// piece of a secret that has to be escaped may lead beyond the limit.
    pub(crate) fn write(
        &mut self,
        text: &RestoredText,
        vault: &Vault,
        out: &mut Vec<u8>,
        limit: usize,
    ) -> bool {
        loop {
            let next = text.inserts.get(self.at.inserts);
            let literal = &text.bytes[self.at.bytes..next.map_or(text.bytes.len(), |insert| insert.at)];
            let room = limit.saturating_sub(out.len());
            if literal.len() > room {
                out.extend_from_slice(&literal[..room]);
                self.at.bytes += room;
                return false;
            }
            out.extend_from_slice(literal);
            self.at.bytes += literal.len();
            let Some(insert) = next else { return true };
            let secret = insert.form.of(&insert.token, vault).unwrap_or_default();
            while self.within < secret.len() {
                if out.len() >= limit {
                    return false;
                }
                let rest = &secret[self.within..];
                let piece = &rest[..rest.len().min(PIECE).min(limit - out.len())];
                write_secret(piece, insert, out);
                self.within += piece.len();
            }
            (self.at.inserts, self.within) = (self.at.inserts + 1, 0);
        }
    }
}

/// Each byte is escaped by itself, so that a secret can be written in pieces.
fn write_secret(piece: &[u8], insert: &SecretInsert, out: &mut Vec<u8>) {
    if insert.depth > 0 || insert.line_head.is_empty() {
        return escape_into(piece, insert.depth, out);
    }
    for &byte in piece {
        out.push(byte);
        if byte == b'\n' {
            out.extend_from_slice(insert.line_head);
        }
    }
}

#[cfg(test)]
mod tests {
    use aegis_detect::Category;

    use super::*;
    use crate::keyring::Keyring;

    fn vault(secrets: &[&str]) -> (Vault, Vec<Token>) {
        let keyring = Keyring::new(&[1; 32], "acme", 0, &[]).unwrap();
        let mut vault = Vault::new();
        let mint = |secret: &&str| {
            let token = keyring.mint(Category::Key, secret.as_bytes());
            vault.insert(token, secret.as_bytes()).unwrap();
            token
        };
        let tokens = secrets.iter().map(mint).collect();
        (vault, tokens)
    }

    #[test]
    fn a_text_is_written_in_pieces_of_any_size() {
        let long = "say \"hi\"\n".repeat(100);
        let (vault, tokens) = vault(&["first", &long]);
        let mut text = RestoredText::default();
        text.extend_from_slice(b"a ");
        text.secret(tokens[0], (SecretForm::Value, 0), b"");
        text.secret(tokens[1], (SecretForm::Value, 2), b"");
        text.push(b'b');
        text.secret(tokens[1], (SecretForm::Value, 0), b"data: ");
        let mut whole = Vec::new();
        assert!(WritePosition::default().write(&text, &vault, &mut whole, usize::MAX));
        let mut expected = b"a first".to_vec();
        escape_into(long.as_bytes(), 2, &mut expected);
        expected.push(b'b');
        expected.extend_from_slice(long.replace('\n', "\ndata: ").as_bytes());
        assert_eq!(whole, expected);
        for step in [1, 2, 7, 255, 256, 257, 1_000] {
            let (mut cursor, mut out, mut rounds) = (WritePosition::default(), Vec::new(), 0);
            while !cursor.write(&text, &vault, &mut out, (rounds + 1) * step) {
                rounds += 1;
                assert!(
                    out.len() >= rounds * step && out.len() < rounds * step + 8 * PIECE,
                    "{step} {rounds}"
                );
            }
            assert_eq!(out, expected, "{step}");
        }
    }

    #[test]
    fn parts_move_from_text_to_text() {
        let (vault, tokens) = vault(&["one", "two"]);
        let mut edits = RestoredText::default();
        edits.extend_from_slice(b"dropped");
        edits.secret(tokens[0], (SecretForm::Value, 0), b"");
        let from = edits.mark();
        edits.extend_from_slice(b"x");
        edits.secret(tokens[1], (SecretForm::Value, 0), b"");
        let to = edits.mark();
        edits.extend_from_slice(b"more");
        edits.truncate(to);
        let mut text = RestoredText::default();
        text.extend_from_slice(b"[");
        text.append(&edits, from, to);
        text.push(b']');
        let mut out = Vec::new();
        assert!(WritePosition::default().write(&text, &vault, &mut out, usize::MAX));
        assert_eq!(out, b"[xtwo]");
        text.clear(0);
        assert_eq!(text.capacity(), 0);
    }
}
