//! Percentiles and spreads.

use std::time::Duration;

/// Durations in nanoseconds.
#[derive(Clone, Debug, Default)]
pub struct Samples(Vec<u64>);

impl Samples {
    /// Adds one.
    pub fn push(&mut self, value: Duration) {
        self.0.push(u64::try_from(value.as_nanos()).unwrap_or(u64::MAX));
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The `percent`-th percentile (nearest rank) in microseconds; 0 if there is no sample.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a count far below 2^52"
    )]
    pub fn percentile(&mut self, percent: f64) -> f64 {
        if self.0.is_empty() {
            return 0.0;
        }
        self.0.sort_unstable();
        let rank = (percent / 100.0 * self.0.len() as f64).ceil() as usize;
        self.0[rank.clamp(1, self.0.len()) - 1] as f64 / 1e3
    }
}

/// Median, lowest and highest of one figure over rounds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spread {
    /// Middle value (mean of the two middle ones).
    pub median: f64,
    /// Lowest.
    pub low: f64,
    /// Highest.
    pub high: f64,
}

impl Spread {
    /// Of the values given; all zero if there are none.
    pub fn of(values: &[f64]) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (Some(low), Some(high)) = (sorted.first(), sorted.last()) else { return Self::default() };
        let middle = sorted.len() / 2;
        let median = if sorted.len() % 2 == 1 {
            sorted[middle]
        } else {
            f64::midpoint(sorted[middle - 1], sorted[middle])
        };
        Self { median, low: *low, high: *high }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks() {
        let mut samples = Samples::default();
        assert!(samples.is_empty() && samples.percentile(50.0).abs() < f64::EPSILON);
        for micros in (1..=100).rev() {
            samples.push(Duration::from_micros(micros));
        }
        let got = [50.0, 99.0, 100.0, 0.0].map(|p| samples.percentile(p));
        assert_eq!((got, samples.len()), ([50.0, 99.0, 100.0, 1.0], 100));
    }

    #[test]
    fn spreads() {
        assert_eq!(Spread::of(&[3.0, 1.0, 2.0]), Spread { median: 2.0, low: 1.0, high: 3.0 });
        assert_eq!(Spread::of(&[4.0, 1.0]), Spread { median: 2.5, low: 1.0, high: 4.0 });
        assert_eq!(Spread::of(&[]), Spread::default());
    }
}
