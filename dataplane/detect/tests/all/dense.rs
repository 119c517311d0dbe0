//! Adversarial texts made of nothing but candidates: work grows with the text, not with its square.

use crate::common::{builtin, whole};

#[test]
fn dense_candidates_stay_linear() {
    let (_, mut scanner) = builtin();
    for unit in [
        "eyJ",
        "eyJhbGciOiJIUzI1NiJ9.eyJ",
        "-----BEGIN PRIVATE KEY-----",
        "ghp_",
        "://a:",
        "token=",
        "password=\"",
    ] {
        let mut work = [0u64; 2];
        for (factor, slot) in [1usize, 4].into_iter().zip(&mut work) {
            let text = unit.repeat(40_000 * factor / unit.len() + 1);
            whole(&mut scanner, text.as_bytes());
            *slot = scanner.work();
        }
        assert!(work[1] <= 6 * work[0].max(40_000), "{unit}: {work:?}");
    }
}
