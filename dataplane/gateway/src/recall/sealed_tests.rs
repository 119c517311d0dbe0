use std::time::Instant;

use aegis_detect::Category;

use super::*;

fn keyring() -> Keyring {
    Keyring::new(&[3; 32], "acme", 0, &[]).unwrap()
}

fn credentials(secret: &str) -> Credentials {
    Credentials::of_gateway_key(Zeroizing::new(secret.as_bytes().to_vec()))
}

fn place(name: &str) -> TableKey {
    TableKey::new(&[name.as_bytes()])
}

fn key(secret: &str) -> SealKey {
    SealKey::derive(&credentials(secret), place("a client")).unwrap()
}

fn vault(values: &[&str]) -> Vault {
    let mut vault = Vault::new();
    for value in values {
        vault.insert(keyring().mint(Category::Key, value.as_bytes()), value.as_bytes()).unwrap();
    }
    vault
}

fn settings(max_values: usize) -> Settings {
    Settings { max_values, ..Settings::default() }
}

/// What a client leaves that sends these values one request after the other.
fn sealed(key: &SealKey, requests: &[&[&str]], settings: &Settings) -> SealedValues {
    let mut sealed = SealedValues::default();
    for values in requests {
        sealed = sealed.with(&sealed.seal_new(key, &vault(values), settings), settings);
        std::thread::sleep(Duration::from_millis(2));
    }
    sealed
}

/// Offers to `vault` all values, and opens those that `key` and `keyring` open; says how many these are.
fn open_all(
    sealed: &SealedValues,
    (key, keyring): (SealKey, Keyring),
    vault: &mut Vault,
    ttl: Duration,
) -> usize {
    let unsealing = Unsealing { key, keyring: Arc::new(keyring) };
    let offered = SealedValues::offer(&Arc::new(sealed.clone()), unsealing, vault, ttl);
    let opened = sealed.values.keys().filter(|token| vault.unseal(token)).count();
    assert!(opened <= offered);
    opened
}

/// The values that `key` opens, in order.
fn opened(sealed: &SealedValues, key: SealKey) -> Vec<String> {
    let mut vault = Vault::new();
    let count = open_all(sealed, (key, keyring()), &mut vault, Settings::default().ttl);
    assert_eq!(count, vault.len());
    let value = |token| String::from_utf8(vault.resolve(token).unwrap().to_vec()).unwrap();
    let mut values: Vec<_> = vault.tokens().map(value).collect();
    values.sort();
    values
}

#[test]
fn what_was_sealed_is_opened_with_the_same_credential_at_the_same_place_only() {
    let sealed = sealed(&key("one"), &[&["first", "weak"], &["second", ""]], &settings(9));
    assert_eq!(opened(&sealed, key("one")), ["", "first", "second", "weak"]);
    for other in ["two", "on", "onee", "One"] {
        assert!(opened(&sealed, key(other)).is_empty(), "{other}");
    }
    let elsewhere = SealKey::derive(&credentials("one"), place("another user")).unwrap();
    assert!(opened(&sealed, elsewhere).is_empty());
}

#[test]
fn how_a_value_was_spelled_is_kept() {
    let (key, settings, text) = (key("one"), settings(9), br"gT5v\/Lq8x".as_slice());
    let token = keyring().mint(Category::Key, text);
    let mut sealed = SealedValues::default();
    let (in_document, value) = (Spelling::in_document(1), br"gT5v/Lq8x".as_slice());
    let (spelled, other) = ((text, in_document), (br"gT5v\u002fLq8x".as_slice(), in_document));
    for (stood, expected) in [
        ((value, Spelling::VALUE), (value, Spelling::VALUE)),
        (spelled, spelled),
        ((value, Spelling::VALUE), spelled),
        (other, other),
    ] {
        let mut vault = Vault::new();
        vault.insert_spelled(token, stood.0, stood.1).unwrap();
        sealed = sealed.with(&sealed.seal_new(&key, &vault, &settings), &settings);
        let mut later = Vault::new();
        assert_eq!(open_all(&sealed, (self::key("one"), keyring()), &mut later, settings.ttl), 1);
        assert_eq!((later.spelling(&token), later.resolve(&token)), (Some(expected), Some(value)));
    }
}

/// Even where the other key claims to be the same.
#[test]
fn the_cipher_itself_refuses_another_key() {
    let sealed = sealed(&key("one"), &[&["first"]], &settings(9));
    let mut other = key("two");
    other.id = key("one").id;
    assert!(opened(&sealed, other).is_empty());
}

#[test]
fn credentials_are_kept_apart() {
    let of = |parts: &[&'static str]| {
        let parts = parts.iter().map(|part| part.as_bytes());
        SealKey::derive(&Credentials::of_provider(parts), place("a")).map(|key| key.id)
    };
    let (a, b) = ("sk-4fK9xQ2mZp7vLw8R", "sk-7hT3nB6cYd1gJs5V");
    assert!(of(&[a, b]) != of(&[b, a]) && of(&[a, b]) != of(&[a]) && of(&[a]) == of(&[a]));
    assert_eq!(of(&[a, "ollama"]), of(&[a]), "what is no secret counts for nothing");
}

#[test]
fn nothing_is_sealed_under_what_is_no_secret() {
    let of =
        |part: &str| SealKey::derive(&Credentials::of_provider([part.as_bytes()].into_iter()), place("a"));
    for word in
        ["", "ollama", "dummy", "sk-no-key-required", "not-needed", "lm-studio", "xxxxxxxxxxxxxxxxxxxxxxxx"]
    {
        assert!(of(word).is_none(), "{word}");
    }
    let long = format!("eyJhbGciOiJIUzI1NiJ9.{}.4fK9xQ2mZp7vLw8R7hT3nB6cYd1gJs5V", "QmFzZTY0".repeat(500));
    for secret in ["sk-ant-api03-4fK9xQ2mZp7vLw8R7hT3nB6cYd1gJs5V", &long] {
        assert!(of(secret).is_some(), "{secret}");
    }
    assert!(SealKey::derive(&credentials("dummy"), place("a")).is_some(), "a gateway key was checked");
    assert!(SealKey::derive(&Credentials::of_provider(std::iter::empty()), place("a")).is_none());
}

#[test]
fn a_changed_value_is_not_opened() {
    let key = key("one");
    let token = keyring().mint(Category::Key, b"the value");
    let sealed = || key.seal(&token, (b"the value", Spelling::VALUE), [7; NONCE]).unwrap();
    let is_opened = |token: &Token, sealed: &SealedValue| key.open(token, sealed).is_some();
    assert!(is_opened(&token, &sealed()));
    for at in 0..sealed().bytes.len() {
        let mut changed = sealed();
        changed.bytes[at] ^= 1;
        assert!(!is_opened(&token, &changed), "byte {at}");
    }
    for at in 0..NONCE {
        let mut changed = sealed();
        changed.nonce[at] ^= 1;
        assert!(!is_opened(&token, &changed), "byte {at} of the nonce");
    }
    let mut short = sealed();
    short.bytes = short.bytes[..TAG - 1].into();
    assert!(!is_opened(&token, &short));
    let other = keyring().mint(Category::Key, b"another value");
    assert!(!is_opened(&other, &sealed()), "a value is bound to its token");
}

/// The same value is sealed anew each time, so that equal ones cannot be told.
#[test]
fn no_two_ciphertexts_are_alike_and_none_shows_the_value() {
    let key = key("one");
    let bytes = || {
        let added = SealedValues::default().seal_new(&key, &vault(&["the value"]), &settings(9));
        added.values.values().next().unwrap().bytes.clone()
    };
    let (one, two) = (bytes(), bytes());
    assert_ne!(one, two);
    assert!(!one.windows(3).any(|window| b"the value".windows(3).any(|part| part == window)));
    let added = SealedValues::default().seal_new(&key, &vault(&["the value"]), &settings(9));
    assert_eq!(format!("{added:?}"), "SealedValues { len: 1, .. }");
}

#[test]
fn the_longest_unused_leaves_at_the_edge() {
    let (key, settings) = (key("one"), settings(3));
    let full = sealed(&key, &[&["a"], &["b"], &["c"]], &settings);
    assert_eq!(opened(&full, self::key("one")), ["a", "b", "c"]);
    // Refreshed, so that the next one is the oldest.
    full.values[&keyring().mint(Category::Key, b"a")].last.store(now(), Relaxed);
    let over = full.with(&full.seal_new(&key, &vault(&["d"]), &settings), &settings);
    assert_eq!(opened(&over, self::key("one")), ["a", "c", "d"]);
    let none = Settings { max_values: 0, ..settings };
    assert!(over.with(&over.seal_new(&key, &vault(&["e"]), &none), &none).is_empty());
}

#[test]
fn bytes_are_limited() {
    let (key, settings) = (key("one"), settings(1_000));
    let long: Vec<String> =
        (b'a'..b'q').map(|letter| char::from(letter).to_string().repeat(MAX_VALUE - TAG)).collect();
    let (first, rest) = long.split_first().unwrap();
    let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
    let full = sealed(&key, &[&[first], &rest], &settings);
    assert_eq!((full.values.len(), full.bytes), (16, MAX_BYTES));
    let over = full.with(&full.seal_new(&key, &vault(&["y"]), &settings), &settings);
    assert_eq!((over.values.len(), over.bytes), (16, MAX_BYTES - MAX_VALUE + 1 + TAG));
    assert!(!opened(&over, self::key("one")).contains(first), "the oldest one goes");
    let longer = "x".repeat(MAX_VALUE - TAG + 1);
    assert!(sealed(&key, &[&[&longer]], &settings).is_empty());
    // Counted once, however often it is sealed.
    let again = over.with(&SealedValues::default().seal_new(&key, &vault(&["y"]), &settings), &settings);
    assert_eq!(again.bytes, over.bytes);
}

#[test]
fn values_expire_one_by_one() {
    let (key, settings) = (key("one"), settings(9));
    let sealed = sealed(&key, &[&["a"], &["b"]], &settings);
    let open =
        |sealed: &SealedValues, ttl| open_all(sealed, (self::key("one"), keyring()), &mut Vault::new(), ttl);
    let since =
        |value: &[u8]| now() - sealed.values[&keyring().mint(Category::Key, value)].last.load(Relaxed);
    let ttl = Duration::from_micros(u64::midpoint(since(b"a"), since(b"b")));
    let began = Instant::now();
    let found = open(&sealed, ttl);
    // On a machine that stood still meanwhile both have expired.
    assert!(found == 1 || (found == 0 && began.elapsed() > Duration::from_millis(1)), "{found}");
    assert_eq!(open(&sealed, Duration::ZERO), 0);
    let expired = Settings { ttl: Duration::ZERO, ..settings };
    let after = sealed.with(&sealed.seal_new(&key, &vault(&[]), &expired), &expired);
    assert!(after.is_empty(), "what has expired does not stay");
}

#[test]
fn another_credential_takes_the_place_over() {
    let settings = settings(9);
    let (one, two) = (key("one"), key("two"));
    let first = sealed(&one, &[&["a"]], &settings);
    let second = first.with(&first.seal_new(&two, &vault(&["a", "b"]), &settings), &settings);
    assert_eq!(opened(&second, two), ["a", "b"]);
    assert!(opened(&second, one).is_empty());
}

#[test]
fn a_known_value_is_not_sealed_again() {
    let (key, settings) = (key("one"), settings(9));
    let sealed = sealed(&key, &[&["a"]], &settings);
    assert!(sealed.seal_new(&key, &vault(&["a"]), &settings).is_empty());
    assert_eq!(sealed.seal_new(&key, &vault(&["a", "b"]), &settings).values.len(), 1);
}

#[test]
fn tokens_of_other_organisations_and_epochs_stay_closed_and_a_vault_keeps_what_it_has() {
    let key = key("one");
    let sealed = sealed(&key, &[&["a"]], &settings(9));
    let ttl = Settings::default().ttl;
    let keyrings = [
        (Keyring::new(&[3; 32], "other", 0, &[]).unwrap(), 0),
        (Keyring::new(&[4; 32], "acme", 0, &[]).unwrap(), 0),
        (Keyring::new(&[3; 32], "acme", 1, &[]).unwrap(), 0),
        (Keyring::new(&[3; 32], "acme", 1, &[0]).unwrap(), 1),
    ];
    for (keyring, expected) in keyrings {
        let opened = open_all(&sealed, (self::key("one"), keyring), &mut Vault::new(), ttl);
        assert_eq!(opened, expected);
    }
    let token = keyring().mint(Category::Key, b"a");
    let mut own = Vault::new();
    own.insert(token, b"its own").unwrap();
    assert_eq!(open_all(&sealed, (key, keyring()), &mut own, ttl), 0);
    assert_eq!(own.resolve(&token), Some(&b"its own"[..]));
}

#[test]
fn what_no_reply_holds_stays_sealed() {
    let sealed = Arc::new(sealed(&key("one"), &[&["a", "b"]], &settings(9)));
    let mut vault = Vault::new();
    let unsealing = Unsealing { key: key("one"), keyring: Arc::new(keyring()) };
    assert_eq!(SealedValues::offer(&sealed, unsealing, &mut vault, Settings::default().ttl), 2);
    let [a, b] = [&b"a"[..], b"b"].map(|value| keyring().mint(Category::Key, value));
    assert!(vault.knows(&a) && vault.knows(&b));
    assert_eq!(vault.len(), 0);
    assert!(vault.unseal(&a));
    assert_eq!((vault.resolve(&a), vault.resolve(&b)), (Some(&b"a"[..]), None));
}

#[test]
fn a_full_vault_takes_no_more_and_fails_nothing() {
    let key = key("one");
    let sealed = sealed(&key, &[&["a"]], &settings(9));
    let mut full = Vault::new();
    let big = vec![0; Vault::MAX_BYTES];
    full.insert(keyring().mint(Category::Key, &big), &big).unwrap();
    assert_eq!(open_all(&sealed, (key, keyring()), &mut full, Settings::default().ttl), 0);
}
