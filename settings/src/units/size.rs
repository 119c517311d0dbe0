//! Numbers of bytes: a number, or a number with one of `B KiB MiB GiB`. The functions of serde's `with` are here, too.

use serde::{Deserialize, Deserializer, Serializer, de::Error};

use super::written::{NumberOrText, lookup, split};

/// Units of size, binary because every limit of the gateway is a power of two.
const SIZE_UNITS: [(&str, u64); 4] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("B", 1)];

/// Reads a number of bytes: a bare number, or a number with one of `B KiB MiB GiB`.
pub fn parse(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let (number, unit) = split(text);
    let scale = if unit.is_empty() { Some(1) } else { lookup(&SIZE_UNITS, unit) };
    match (number, scale) {
        (Some(number), Some(scale)) => {
            number.checked_mul(scale).ok_or_else(|| format!("`{text}` is more bytes than 64 bits can count"))
        }
        _ => {
            Err(format!("`{text}` is not a size: write bytes as a number, or \"16KiB\", \"64MiB\", \"1GiB\""))
        }
    }
}

/// Writes a number of bytes in the largest unit that holds it exactly.
pub fn format(value: u64) -> String {
    for (unit, scale) in SIZE_UNITS[..3].iter().rev() {
        if value > 0 && value.is_multiple_of(*scale) {
            return format!("{}{unit}", value / scale);
        }
    }
    value.to_string()
}

/// Reads bytes as a number or a string with a unit.
pub fn deserialize<'de, D: Deserializer<'de>>(source: D) -> Result<u64, D::Error> {
    match NumberOrText::deserialize(source)? {
        NumberOrText::Number(bytes) => Ok(bytes),
        NumberOrText::Text(text) => parse(&text).map_err(D::Error::custom),
    }
}

/// Writes the shortest exact form.
pub fn serialize<S: Serializer>(value: &u64, sink: S) -> Result<S::Ok, S::Error> {
    sink.serialize_str(&format(*value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_and_write_back() {
        for (text, bytes) in
            [("0", 0), ("512", 512), ("16KiB", 16_384), ("64mib", 67_108_864), ("1GiB", 1 << 30)]
        {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
        for text in ["512", "16KiB", "64MiB", "1GiB", "1025KiB", "0"] {
            assert_eq!(format(parse(text).expect("valid")), text);
        }
        for text in ["", "KiB", "64MB", "-1", "17179869184GiB"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
