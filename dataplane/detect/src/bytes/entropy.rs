//! How random a value looks.

/// Shannon entropy in bits per byte; zero for the empty string.
#[expect(clippy::cast_precision_loss, reason = "lengths are far below 2^24, where f32 is exact")]
pub(crate) fn shannon(value: &[u8]) -> f32 {
    if value.is_empty() {
        return 0.0;
    }
    let mut counts = [0u32; 256];
    for &byte in value {
        counts[usize::from(byte)] += 1;
    }
    let total = value.len() as f32;
    counts.iter().filter(|&&c| c > 0).map(|&c| c as f32 / total).map(|p| -p * p.log2()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        assert!(shannon(b"").abs() < f32::EPSILON);
        assert!(shannon(b"aaaa").abs() < f32::EPSILON);
        assert!((shannon(b"abcd") - 2.0).abs() < 1e-6);
    }
}
