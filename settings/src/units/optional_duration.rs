//! Lengths of time that may be absent, for serde's `with`.

use std::time::Duration;

use serde::{Deserializer, Serializer};

use super::duration;

/// As [`duration::deserialize`]; an absent key never gets here.
pub fn deserialize<'de, D: Deserializer<'de>>(source: D) -> Result<Option<Duration>, D::Error> {
    duration::deserialize(source).map(Some)
}

/// As [`duration::serialize`].
pub fn serialize<S: Serializer>(value: &Option<Duration>, sink: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => duration::serialize(value, sink),
        None => sink.serialize_none(),
    }
}
