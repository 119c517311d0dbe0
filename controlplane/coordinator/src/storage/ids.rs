//! Identifiers: a word for the kind, and random text that sorts by the time it was made.

use super::clock::now;

/// Digits of an identifier, in the order of their values (Crockford's base 32, lower case).
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Random bytes of an identifier.
const RANDOM_BYTES: usize = 10;
/// Longest identifier that is accepted from outside.
pub const MAX_ID_BYTES: usize = 64;

/// Makes an identifier such as `org_01k9...`: `prefix`, ten digits of milliseconds, and sixteen of 80 random bits.
pub fn new_id(prefix: &str) -> String {
    let mut random = [0_u8; RANDOM_BYTES];
    getrandom::fill(&mut random).expect("the system gives random bytes");
    let mut id = format!("{prefix}_");
    let millis = now().unsigned_abs() / 1000;
    for digit in (0..10).rev() {
        id.push(digit_of(millis >> (5 * digit)));
    }
    for group in random.chunks_exact(5) {
        let bits = group.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
        for digit in (0..8).rev() {
            id.push(digit_of(bits >> (5 * digit)));
        }
    }
    id
}

/// The digit of the lowest five bits.
fn digit_of(bits: u64) -> char {
    let digit = usize::try_from(bits & 31).unwrap_or_default();
    char::from(DIGITS[digit])
}

/// Reports whether `id` may be an identifier: letters, digits, `_` and `-`, at most [`MAX_ID_BYTES`].
pub fn is_id(id: &str) -> bool {
    !id.is_empty()
        && id.len() <= MAX_ID_BYTES
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_differ_sort_by_time_and_are_accepted() {
        let first = new_id("org");
        std::thread::sleep(std::time::Duration::from_millis(2));
        let second = new_id("org");
        assert!(first < second, "{first} {second}");
        assert_eq!(first.len(), "org_".len() + 26);
        assert!(is_id(&first));
        assert!(is_id(&"x".repeat(MAX_ID_BYTES)) && !is_id(&"x".repeat(MAX_ID_BYTES + 1)));
        assert!(!is_id("") && !is_id("a'b") && !is_id("a b") && !is_id("ä"));
    }
}
