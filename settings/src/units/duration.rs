//! Lengths of time: seconds as a number, or a number with one of `ms s m h d`. The functions of serde's `with` are
//! here, too. By hand: crates for this read months, fractions and several units in one text, and refuse a bare number.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serializer, de::Error};

use super::written::{NumberOrText, lookup, split};

/// Units of time, longest suffix first so that `ms` is not taken for `s`.
const TIME_UNITS: [(&str, u64); 5] =
    [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// Reads a length of time: a bare number of seconds, or a number with one of `ms s m h d`.
pub fn parse(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let (number, unit) = split(text);
    let scale = if unit.is_empty() { Some(1_000) } else { lookup(&TIME_UNITS, unit) };
    match (number, scale) {
        (Some(number), Some(scale)) => number
            .checked_mul(scale)
            .map(Duration::from_millis)
            .ok_or_else(|| format!("`{text}` is too long a time")),
        _ => Err(format!(
            "`{text}` is not a length of time: write seconds as a number, or \"250ms\", \"30s\", \"5m\", \"1h\""
        )),
    }
}

/// Writes a length of time in the largest unit that holds it exactly.
pub fn format(value: Duration) -> String {
    let millis = value.as_millis();
    let (unit, scale) = TIME_UNITS
        .iter()
        .rev()
        .find(|(_, scale)| millis.is_multiple_of(u128::from(*scale)) && millis > 0)
        .unwrap_or(&TIME_UNITS[1]);
    format!("{}{unit}", millis / u128::from(*scale))
}

/// Reads seconds as a number or a string with a unit.
pub fn deserialize<'de, D: Deserializer<'de>>(source: D) -> Result<Duration, D::Error> {
    match NumberOrText::deserialize(source)? {
        NumberOrText::Number(seconds) => Ok(Duration::from_secs(seconds)),
        NumberOrText::Text(text) => parse(&text).map_err(D::Error::custom),
    }
}

/// Writes the shortest exact form.
pub fn serialize<S: Serializer>(value: &Duration, sink: S) -> Result<S::Ok, S::Error> {
    sink.serialize_str(&format(*value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_and_write_back() {
        for (text, millis) in [
            ("30", 30_000),
            ("250ms", 250),
            ("30s", 30_000),
            ("5m", 300_000),
            ("1h", 3_600_000),
            ("2d", 172_800_000),
            ("0s", 0),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["30s", "250ms", "5m", "1h", "1d", "90s", "0s"] {
            assert_eq!(format(parse(text).expect("valid")), text);
        }
        for text in ["", "s", "-1s", "1.5s", "30 parsecs", "99999999999999999999", "18446744073709551615d"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
