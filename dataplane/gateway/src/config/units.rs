//! Human units of the configuration file: lengths of time and numbers of bytes.
//!
//! People write `"30s"`, `"64MiB"` or a bare number; the program holds [`Duration`] and `u64`. Both directions live
//! here so that the commented example file can be tested to equal the defaults.

use std::time::Duration;

/// Units of time, longest suffix first so that `ms` is not taken for `s`.
const TIME_UNITS: [(&str, u64); 5] =
    [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// Units of size, binary because every limit of the gateway is a power of two.
const SIZE_UNITS: [(&str, u64); 4] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("B", 1)];

/// Reads a length of time: a bare number of seconds, or a number with one of `ms s m h d`.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let scale = if unit.is_empty() { Some(1_000) } else { lookup(&TIME_UNITS, unit.trim()) };
    match (number.parse::<u64>(), scale) {
        (Ok(number), Some(scale)) => number
            .checked_mul(scale)
            .map(Duration::from_millis)
            .ok_or_else(|| format!("`{text}` is too long a time")),
        _ => Err(format!(
            "`{text}` is not a length of time: write seconds as a number, or \"250ms\", \"30s\", \"5m\", \"1h\""
        )),
    }
}

/// Reads a number of bytes: a bare number, or a number with one of `B KiB MiB GiB`.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let scale = if unit.is_empty() { Some(1) } else { lookup(&SIZE_UNITS, unit.trim()) };
    match (number.parse::<u64>(), scale) {
        (Ok(number), Some(scale)) => {
            number.checked_mul(scale).ok_or_else(|| format!("`{text}` is more bytes than 64 bits can count"))
        }
        _ => {
            Err(format!("`{text}` is not a size: write bytes as a number, or \"16KiB\", \"64MiB\", \"1GiB\""))
        }
    }
}

fn lookup(units: &[(&str, u64)], unit: &str) -> Option<u64> {
    units.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).map(|(_, scale)| *scale)
}

/// Writes a length of time in the largest unit that holds it exactly.
pub fn format_duration(value: Duration) -> String {
    let millis = value.as_millis();
    let (unit, scale) = TIME_UNITS
        .iter()
        .rev()
        .find(|(_, scale)| millis.is_multiple_of(u128::from(*scale)) && millis > 0)
        .unwrap_or(&TIME_UNITS[1]);
    format!("{}{unit}", millis / u128::from(*scale))
}

/// Writes a number of bytes in the largest unit that holds it exactly.
pub fn format_size(value: u64) -> String {
    for (unit, scale) in SIZE_UNITS[..3].iter().rev() {
        if value > 0 && value.is_multiple_of(*scale) {
            return format!("{}{unit}", value / scale);
        }
    }
    value.to_string()
}

/// What serde hands over for either kind of value.
#[derive(serde::Deserialize)]
#[serde(untagged, expecting = "a number or a string with a unit")]
enum Written {
    Number(u64),
    Text(String),
}

/// serde adapter for [`Duration`] fields.
pub mod duration {
    use super::{Duration, Written};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// Reads seconds as a number or a string with a unit.
    pub fn deserialize<'de, D: Deserializer<'de>>(source: D) -> Result<Duration, D::Error> {
        match Written::deserialize(source)? {
            Written::Number(seconds) => Ok(Duration::from_secs(seconds)),
            Written::Text(text) => super::parse_duration(&text).map_err(D::Error::custom),
        }
    }

    /// Writes the shortest exact form.
    pub fn serialize<S: Serializer>(value: &Duration, sink: S) -> Result<S::Ok, S::Error> {
        sink.serialize_str(&super::format_duration(*value))
    }
}

/// serde adapter for optional [`Duration`] fields.
pub mod optional_duration {
    use super::Duration;
    use serde::{Deserializer, Serializer};

    /// As [`super::duration::deserialize`]; an absent key never gets here.
    pub fn deserialize<'de, D: Deserializer<'de>>(source: D) -> Result<Option<Duration>, D::Error> {
        super::duration::deserialize(source).map(Some)
    }

    /// As [`super::duration::serialize`].
    #[allow(clippy::ref_option)] // serde's `with` hands a reference to the field
    pub fn serialize<S: Serializer>(value: &Option<Duration>, sink: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => super::duration::serialize(value, sink),
            None => sink.serialize_none(),
        }
    }
}

/// serde adapter for sizes in bytes.
pub mod size {
    use super::Written;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// Reads bytes as a number or a string with a unit.
    pub fn deserialize<'de, D: Deserializer<'de>>(source: D) -> Result<u64, D::Error> {
        match Written::deserialize(source)? {
            Written::Number(bytes) => Ok(bytes),
            Written::Text(text) => super::parse_size(&text).map_err(D::Error::custom),
        }
    }

    /// Writes the shortest exact form.
    #[allow(clippy::trivially_copy_pass_by_ref)] // serde's `with` hands a reference to the field
    pub fn serialize<S: Serializer>(value: &u64, sink: S) -> Result<S::Ok, S::Error> {
        sink.serialize_str(&super::format_size(*value))
    }
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
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["30s", "250ms", "5m", "1h", "1d", "90s", "0s"] {
            assert_eq!(format_duration(parse_duration(text).expect("valid")), text);
        }
        for text in ["", "s", "-1s", "1.5s", "30 parsecs", "99999999999999999999", "18446744073709551615d"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_read_and_write_back() {
        for (text, bytes) in
            [("0", 0), ("512", 512), ("16KiB", 16_384), ("64mib", 67_108_864), ("1GiB", 1 << 30)]
        {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for text in ["512", "16KiB", "64MiB", "1GiB", "1025KiB", "0"] {
            assert_eq!(format_size(parse_size(text).expect("valid")), text);
        }
        for text in ["", "KiB", "64MB", "-1", "17179869184GiB"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }
}
