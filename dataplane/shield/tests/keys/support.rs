//! Throw-away keys, and requests and replies as the gateway sees them.

use std::sync::Arc;

use aegis_detect::{KnownKey, Rules};
use aegis_shield::reply::{Rehydrator, ReplyFormat};
use aegis_shield::{
    Format, Keyring, Policy, Refusal, RequestLimits, ShardScratch, Shield, Splice, TokenizeOutcome,
    Tokenizer, Vault,
};

/// Made for these tests and used nowhere.
pub(crate) const KEYS: [(&str, &str); 11] = [
    ("RSA", include_str!("../../../detect/tests/all/keys/rsa.pem")),
    ("Ed25519", include_str!("../../../detect/tests/all/keys/ed25519.pem")),
    ("EC", include_str!("../../../detect/tests/all/keys/ec.pem")),
    ("PKCS#8, encrypted", include_str!("../../../detect/tests/all/keys/encrypted.pem")),
    ("PKCS#1, encrypted", include_str!("../../../detect/tests/all/keys/legacy.pem")),
    ("OpenSSH", include_str!("../../../detect/tests/all/keys/openssh")),
    ("OpenSSH, RSA", include_str!("../../../detect/tests/all/keys/openssh-rsa")),
    ("OpenPGP", include_str!("../../../detect/tests/all/keys/pgp.asc")),
    ("PuTTY 2", include_str!("../../../detect/tests/all/keys/putty2.ppk")),
    ("PuTTY 3", include_str!("../../../detect/tests/all/keys/putty3.ppk")),
    ("SSH2", include_str!("../../../detect/tests/all/keys/ssh2")),
];

/// Lines of a body of base64 that is no key, as many as are asked for.
pub(crate) fn long_body(lines: usize) -> String {
    let line = |n: usize| format!("q1W2e3R4t5Y6u7I8o9P0{n:08}a1S2d3F4g5H6j7K8l9Z0x1C2v3B4n5M6Q7W\n");
    (0..lines).map(line).collect()
}

pub(crate) fn shield_with(policy: Policy) -> Arc<Shield> {
    let keyring = Arc::new(Keyring::new(&[7; 32], "acme", 0, &[]).expect("a keyring"));
    let rules = Rules::builtin().expect("the built-in rules");
    let search_key = KnownKey::new(&[9; 32]);
    Arc::new(Shield { rules, policy, keyring, search_key, limits: RequestLimits::default() })
}

/// What is sent instead of a body that arrives in these pieces.
pub(crate) fn send(
    shield: &Arc<Shield>,
    format: Format,
    pieces: &[&[u8]],
) -> Result<(String, TokenizeOutcome), Refusal> {
    let mut scratch = ShardScratch::new(&shield.rules).expect("room for a scratch");
    let mut tokenizer = Tokenizer::new(Arc::clone(shield), format);
    let (mut pending, mut out, mut splice) = (Vec::new(), Vec::new(), Splice::new());
    for (index, piece) in pieces.iter().enumerate() {
        pending.extend_from_slice(piece);
        loop {
            splice.clear();
            let last = index + 1 == pieces.len();
            let consumed = tokenizer.push(&mut scratch, &pending, last, &mut splice)?;
            splice.write_to(&pending, &mut out);
            pending.drain(..consumed);
            if consumed == 0 {
                break;
            }
        }
    }
    assert!(pending.is_empty(), "everything is consumed at the end");
    Ok((String::from_utf8(out).expect("UTF-8"), tokenizer.finish()))
}

/// What the client gets of a reply.
pub(crate) fn receive(vault: Vault, format: ReplyFormat, reply: &str) -> String {
    let mut rehydrator = Rehydrator::new(vault, format);
    let mut out = Vec::new();
    rehydrator.push(reply.as_bytes(), &mut out);
    rehydrator.finish(&mut out);
    String::from_utf8(out).expect("UTF-8")
}

/// The lines of a key but for those that open and close it and that say what it is.
pub(crate) fn body(key: &str) -> impl Iterator<Item = &str> {
    const STAYS: [&str; 8] = [
        "----",
        "PuTTY-",
        "Encryption:",
        "Public-Lines:",
        "Private-Lines:",
        "Key-Derivation:",
        "Argon2-Memory:",
        "Argon2-Pa",
    ];
    key.lines()
        .filter(|line| !line.is_empty() && !STAYS.iter().any(|name| line.starts_with(name)))
        .map(|line| line.split_once(": ").map_or(line, |(_, value)| value.trim_matches('"')))
}

/// Fails if a line of a key is in what was sent.
pub(crate) fn assert_hidden(sent: &str, key: &str, what: &str) {
    for line in body(key) {
        // A short one may be a part of anything.
        let bounded = |(at, _): (usize, &str)| {
            let beside = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
            line.len() >= 8
                || !(beside(sent.as_bytes().get(at.wrapping_sub(1)))
                    || beside(sent.as_bytes().get(at + line.len())))
        };
        assert!(!sent.match_indices(line).any(bounded), "{what}: {line} is in\n{sent}");
    }
}
