//! Validators: check values and structure that distinguish a real secret from a string of the same shape.
//!
//! A validator sees a match that is complete and well-bounded. It may raise or lower the confidence, and it refutes
//! only what cannot be this kind of thing; a wrong check value alone never lets a prefixed token pass.

mod aws;
mod azure;
mod bech32;
mod bip39;
mod check;
mod crc;
mod host;
mod http;
mod json;
mod jwt;
mod macaroon;
mod marvin;
pub(crate) mod national;
pub(crate) mod numbers;
pub(crate) mod registry;
mod result;

pub(crate) use check::Check;
pub(crate) use result::CheckResult;
