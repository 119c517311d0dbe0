//! A number with or without a unit, as it is written.

/// What serde hands over for either kind of value.
#[derive(serde::Deserialize)]
#[serde(untagged, expecting = "a number or a string with a unit")]
pub(super) enum NumberOrText {
    Number(u64),
    Text(String),
}

/// Takes a number with its unit apart; a bare number has an empty unit.
pub(super) fn split(text: &str) -> (Option<u64>, &str) {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    (number.parse().ok(), unit.trim())
}

/// The scale of `unit`, in upper or lower case.
pub(super) fn lookup(units: &[(&str, u64)], unit: &str) -> Option<u64> {
    units.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).map(|(_, scale)| *scale)
}
