//! The oracle of the hard cases: what must never be seen where, whatever it is written as.

use std::collections::HashSet;

/// Shortest run of a secret that counts as seen.
pub const RUN_MIN: usize = 8;

/// Shape of a token, without its length: category in capitals between two hyphens.
const TOKEN_HEAD: &str = "AEGIS-";
const TOKEN_TAIL_LEN: usize = 21;

/// Beginnings that every key of a kind shares: of vendors' keys, which compiled rules on disk name too, and of OpenSSH's
/// Ed25519 keys without a passphrase. They reveal nothing.
const PUBLIC: &[&[u8]] = &[
    b"sk_live_",
    b"sk-ant-api03-",
    b"aegis-gk-",
    b"b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW",
];

/// Every way a secret may be written in a message: as it is, escaped for JSON once and twice, as `\uXXXX`,
/// percent-encoded, and in base64 at each of the three alignments.
pub fn forms_of(secret: &str) -> Vec<Vec<u8>> {
    let once = escape(secret);
    let twice = escape(&once);
    let mut forms = vec![secret.as_bytes().to_vec(), once.into_bytes(), twice.into_bytes()];
    forms.push(unicode_escape(secret).into_bytes());
    forms.push(percent(secret).into_bytes());
    for skip in 0..3_usize.min(secret.len()) {
        let bytes = &secret.as_bytes()[skip..];
        forms.push(base64(&bytes[..bytes.len() / 3 * 3]).into_bytes());
    }
    forms.retain(|form| !form.is_empty());
    forms
}

/// The first run of `secret`, in whatever form, that `seen` contains.
pub fn leak(seen: &[u8], secret: &str) -> Option<String> {
    for form in forms_of(secret) {
        let length = RUN_MIN.min(form.len());
        for run in form.windows(length) {
            if !says_nothing(run) && contains(seen, run) {
                return Some(String::from_utf8_lossy(run).into_owned());
            }
        }
    }
    None
}

/// Whether a run of a secret gives nothing of it away.
fn says_nothing(run: &[u8]) -> bool {
    // A token ends as by chance the line of a key does, and the same dashes follow.
    let of_value = run.iter().filter(|byte| !b"-\\n\n".contains(byte)).count();
    of_value < 2
        || run.iter().all(|byte| b"-BEGINDPRIVATEKYS \\n\n".contains(byte))
        || PUBLIC.iter().any(|public| contains(public, run))
}

/// All runs of many secrets, to be looked for in much text at once.
#[derive(Debug)]
pub struct Runs(HashSet<[u8; RUN_MIN]>);

impl Runs {
    /// The runs of each of `secrets`, in every form.
    ///
    /// # Panics
    /// If one is shorter than a run.
    pub fn of<'a>(secrets: impl IntoIterator<Item = &'a String>) -> Runs {
        let mut runs = HashSet::new();
        for secret in secrets {
            assert!(secret.len() >= RUN_MIN, "{secret:?} is no longer than a run");
            for form in forms_of(secret) {
                let windows = form.windows(RUN_MIN).filter(|run| !says_nothing(run));
                runs.extend(windows.filter_map(|run| <[u8; RUN_MIN]>::try_from(run).ok()));
            }
        }
        Runs(runs)
    }

    /// Asserts that `seen` contains none of them.
    ///
    /// # Panics
    /// With the run and what is around it.
    pub fn assert_absent(&self, seen: &[u8], place: &str) {
        let met = seen.windows(RUN_MIN).position(|window| {
            <[u8; RUN_MIN]>::try_from(window).is_ok_and(|window| self.0.contains(&window))
        });
        if let Some(at) = met {
            let around = &seen[at.saturating_sub(2_000)..seen.len().min(at + 2_000)];
            let run = String::from_utf8_lossy(&seen[at..at + RUN_MIN]);
            panic!("{place} holds {run:?} of a secret:\n{}", String::from_utf8_lossy(around));
        }
    }
}

/// Asserts that `seen` contains no run of `secret` in any form.
///
/// # Panics
/// With the run and where it was.
pub fn assert_absent(seen: &[u8], secret: &str, place: &str) {
    if let Some(run) = leak(seen, secret) {
        panic!(
            "{place} holds {run:?} of a secret:\n{}",
            String::from_utf8_lossy(&seen[..seen.len().min(4_000)])
        );
    }
}

/// Tokens in `text`, in order.
pub fn tokens_in(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    for (start, _) in text.match_indices(TOKEN_HEAD) {
        let rest = &text[start + TOKEN_HEAD.len()..];
        let capitals = rest.bytes().take_while(u8::is_ascii_uppercase).count();
        let end = start + TOKEN_HEAD.len() + capitals + 1 + TOKEN_TAIL_LEN;
        let is_token = (3..=6).contains(&capitals)
            && rest.as_bytes().get(capitals) == Some(&b'-')
            && text
                .get(end - TOKEN_TAIL_LEN..end)
                .is_some_and(|t| t.bytes().all(|b| b.is_ascii_alphanumeric()));
        if is_token {
            tokens.push(&text[start..end]);
        }
    }
    tokens
}

/// Asserts that `seen` is `sent` with each of `secrets` (as it is written in `sent`) replaced by a token and every
/// other byte the same. Gives the tokens in order.
///
/// # Panics
/// With the first place where the two part.
pub fn assert_only_tokens_differ(sent: &str, seen: &str, secrets: &[&str]) -> Vec<String> {
    let tokens: Vec<String> = tokens_in(seen).into_iter().map(str::to_owned).collect();
    let mut expected = String::new();
    let mut rest = sent;
    for token in &tokens {
        let next =
            secrets.iter().filter_map(|s| rest.find(*s).map(|at| (at, s.len()))).min_by_key(|(at, _)| *at);
        let Some((at, length)) = next else { break };
        expected.push_str(&rest[..at]);
        expected.push_str(token);
        rest = &rest[at + length..];
    }
    expected.push_str(rest);
    let differ = expected.bytes().zip(seen.bytes()).position(|(a, b)| a != b);
    let at = differ.unwrap_or(expected.len().min(seen.len())).saturating_sub(60);
    let around =
        |text: &str| String::from_utf8_lossy(&text.as_bytes()[at..text.len().min(at + 160)]).into_owned();
    assert!(
        expected == seen,
        "bytes outside tokens differ:\nexpected ..{}\n    seen ..{}",
        around(&expected),
        around(seen)
    );
    tokens
}

/// Whether `needle` is in `haystack`.
pub fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    memchr::memmem::find(haystack, needle).is_some()
}

/// `text` as the inside of a JSON string.
pub fn escape(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// `text` with every UTF-16 unit written as `\uXXXX`.
pub fn unicode_escape(text: &str) -> String {
    let units: Vec<String> = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
    units.concat()
}

fn percent(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let pieces = text
        .bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") });
    pieces.collect::<Vec<_>>().concat()
}

/// Base64 of whole groups of three bytes; what is left over is not written.
pub fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks_exact(3) {
        let bits = u32::from(group[0]) << 16 | u32::from(group[1]) << 8 | u32::from(group[2]);
        for shift in [18, 12, 6, 0] {
            text.push(char::from(ALPHABET[(bits >> shift & 63) as usize]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_found() {
        let secret = "p\"ss\\word-of 17 chars";
        for form in forms_of(secret) {
            let seen = [b"before ", form.as_slice(), b" after"].concat();
            assert!(leak(&seen, secret).is_some(), "{}", String::from_utf8_lossy(&form));
        }
        assert!(leak(b"nothing of it, pass word", secret).is_none());
    }

    #[test]
    #[should_panic(expected = "of a secret")]
    fn a_run_of_one_of_many_is_found_in_every_form() {
        let secrets = ["nothing of this one".to_owned(), "p\"ss\\word-of 17 chars".to_owned()];
        let runs = Runs::of(&secrets);
        runs.assert_absent(b"nothing, of one pass word", "the clean text");
        let forms = forms_of(&secrets[1]);
        let found = forms.iter().filter(|form| {
            let seen = [b"before ", form.as_slice(), b" after"].concat();
            std::panic::catch_unwind(|| runs.assert_absent(&seen, "the text")).is_err()
        });
        assert_eq!(found.count(), forms.len(), "forms that are found");
        runs.assert_absent(&forms[0], "the text");
    }

    #[test]
    fn what_all_keys_share_is_no_leak_and_the_next_character_is() {
        let secret = "sk_live_Zk29dLqPzz81";
        assert_eq!(leak(b"sk_live_", secret), None);
        assert_eq!(leak(b"k_live_Z", secret).as_deref(), Some("k_live_Z"));
    }

    #[test]
    fn tokens_are_found_between_words() {
        let token = "AEGIS-KEY-0ABCDEFGHJKMNPQRSTVWX";
        assert_eq!(tokens_in(&format!("a {token}{token}, AEGIS-KEY-short")), [token, token]);
    }

    #[test]
    #[should_panic(expected = "bytes outside tokens differ")]
    fn a_changed_byte_is_noticed() {
        assert_only_tokens_differ(
            "{\"a\": 1.0, \"k\":\"s3cret\"}",
            "{\"a\": 1, \"k\":\"s3cret\"}",
            &["s3cret"],
        );
    }
}
