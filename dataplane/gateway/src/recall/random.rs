//! Random bytes for keys, salts and nonces that only this process knows.

/// Bytes of the operating system's generator.
///
/// # Panics
///
/// If the operating system has no random numbers: without a key nothing may be searched for, and without the search
/// nothing may be sent.
pub(super) fn random<const N: usize>() -> [u8; N] {
    let mut random = [0; N];
    getrandom::fill(&mut random).expect("the operating system has random numbers");
    random
}
