//! Counts tokens in a reply that passes as it is: its request held no secret, so what stands there belongs to none.

use std::sync::{Arc, LazyLock};

use aegis_detect::Span;
use memchr::memmem;

use crate::keyring::Keyring;
use crate::token::{MAX_TOKEN_LEN, TOKEN_PREFIX, Token};

/// How much of the text before is kept for a token that is cut.
const KEPT: usize = MAX_TOKEN_LEN - 1;

/// Counts the tokens of one organisation, written as they were minted and in one piece. The body is not parsed for it, so
/// a token that is cut over the events of a stream is not seen.
pub struct TokenCounter {
    keyring: Arc<Keyring>,
    /// The last bytes so far, and room for the first of the next piece.
    border: [u8; 2 * KEPT],
    kept: usize,
    count: u64,
}

impl TokenCounter {
    /// A counter of the tokens of `keyring`.
    pub fn new(keyring: Arc<Keyring>) -> Self {
        Self { keyring, border: [0; 2 * KEPT], kept: 0, count: 0 }
    }

    /// Looks at the next bytes of the body, cut anywhere.
    pub fn push(&mut self, piece: &[u8]) {
        let first = &piece[..piece.len().min(KEPT)];
        self.border[self.kept..self.kept + first.len()].copy_from_slice(first);
        let filled = self.kept + first.len();
        let kept = self.kept;
        self.count += tokens(&self.keyring, &self.border[..filled])
            .filter(|token| token.start < kept && token.end > kept)
            .count() as u64;
        self.count += tokens(&self.keyring, piece).count() as u64;
        if piece.len() >= KEPT {
            self.border[..KEPT].copy_from_slice(&piece[piece.len() - KEPT..]);
            self.kept = KEPT;
        } else {
            let surplus = filled.saturating_sub(KEPT);
            self.border.copy_within(surplus..filled, 0);
            self.kept = filled - surplus;
        }
    }

    /// How many there were so far.
    pub fn count(&self) -> u64 {
        self.count
    }
}

static PREFIX: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new(TOKEN_PREFIX));

/// Where tokens of `keyring` stand in `text`.
fn tokens<'a>(keyring: &'a Keyring, text: &'a [u8]) -> impl Iterator<Item = Span> + 'a {
    PREFIX.find_iter(text).filter_map(|start| {
        let token = Token::find_at_start(&text[start..]).filter(|token| keyring.has_minted(token))?;
        Some(Span::new(start, start + token.as_bytes().len()))
    })
}

#[cfg(test)]
mod tests {
    use aegis_detect::Category;

    use super::*;

    #[test]
    fn tokens_are_counted_at_every_cut() {
        let keyring = Arc::new(Keyring::new(&[7; 32], "acme", 0, &[]).unwrap());
        let other = Keyring::new(&[8; 32], "acme", 0, &[]).unwrap();
        let minted = |keyring: &Keyring, category| keyring.mint(category, b"made up").to_string();
        let text = format!(
            "{} and AEGIS-KEY-{}{} or {}",
            minted(&keyring, Category::Key),
            minted(&keyring, Category::Secret),
            minted(&keyring, Category::Secret),
            minted(&other, Category::Key),
        );
        for size in 1..=text.len() {
            let mut counter = TokenCounter::new(Arc::clone(&keyring));
            for piece in text.as_bytes().chunks(size) {
                counter.push(piece);
            }
            assert_eq!(counter.count(), 3, "pieces of {size}");
        }
    }
}
