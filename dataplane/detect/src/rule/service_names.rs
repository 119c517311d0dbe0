//! The names of known services, looked up in text.
//!
//! More than a thousand names would halve the engine's speed. The words for secrets are few, so the engine looks for
//! those, and around each of them names are looked up here.

use std::collections::HashMap;

/// Bytes that a name is looked up by; no name is shorter.
const HEAD: usize = 4;
/// The longest name.
pub(crate) const MAX_SERVICE: usize = 32;
/// Bits of the table that says which heads there are.
const BITS: u32 = 14;

/// Names by their first letters, which count without case.
pub(crate) struct ServiceNames {
    /// One bit for each hash of a head: it rules most words out.
    heads: Box<[u64]>,
    names: HashMap<u32, Vec<Box<[u8]>>>,
}

impl ServiceNames {
    /// Prepares these names to be looked up.
    pub(crate) fn new(names: &[String]) -> Result<ServiceNames, String> {
        let mut service_names =
            ServiceNames { heads: vec![0; 1 << (BITS - 6)].into(), names: HashMap::new() };
        for name in names {
            let lower = name.to_ascii_lowercase().into_bytes();
            let Some(head) = head(&lower, 0).filter(|_| lower.len() <= MAX_SERVICE) else {
                return Err(format!("the service `{name}` is not of {HEAD} to {MAX_SERVICE} bytes"));
            };
            let slot = slot(head);
            service_names.heads[slot >> 6] |= 1 << (slot & 63);
            service_names.names.entry(head).or_default().push(lower.into());
        }
        Ok(service_names)
    }

    /// Whether a name may begin at `at`; wrong for one place in a dozen, and cheap.
    #[inline]
    pub(crate) fn is_likely(&self, text: &[u8], at: usize) -> bool {
        head(text, at).is_some_and(|head| {
            let slot = slot(head);
            self.heads[slot >> 6] >> (slot & 63) & 1 == 1
        })
    }

    /// The lengths of the names that begin at `at`.
    pub(crate) fn at<'a>(&'a self, text: &'a [u8], at: usize) -> impl Iterator<Item = usize> + 'a {
        let names = head(text, at).and_then(|head| self.names.get(&head)).into_iter().flatten();
        names
            .filter(move |n| text[at..].get(..n.len()).is_some_and(|t| t.eq_ignore_ascii_case(n)))
            .map(|n| n.len())
    }
}

/// The first letters of a name at `at` without their case; other bytes may fall together, too.
#[inline]
fn head(text: &[u8], at: usize) -> Option<u32> {
    text[at..].first_chunk::<HEAD>().map(|head| u32::from_le_bytes(*head) | 0x2020_2020)
}

/// A multiplicative hash, after Knuth.
#[inline]
fn slot(head: u32) -> usize {
    (head.wrapping_mul(0x9e37_79b1) >> (32 - BITS)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_without_case() {
        let names = ServiceNames::new(&["acme".into(), "AcmeAI".into(), "pingdom".into()]).unwrap();
        let lengths = |text: &str, at| names.at(text.as_bytes(), at).collect::<Vec<_>>();
        assert_eq!(lengths("my acMeaI_key", 3), [4, 6]);
        assert!(lengths("my acm", 3).is_empty());
        assert!(lengths("pingdo", 0).is_empty());
        assert_eq!(lengths("xpingdom", 1), [7]);
    }

    #[test]
    fn names_have_bounds() {
        let new = |length: usize| ServiceNames::new(&["n".repeat(length)]).map(|_| ());
        assert!(new(HEAD).is_ok() && new(MAX_SERVICE).is_ok());
        assert!(new(HEAD - 1).unwrap_err().contains("4 to 32 bytes"));
        assert!(new(MAX_SERVICE + 1).is_err());
    }
}
