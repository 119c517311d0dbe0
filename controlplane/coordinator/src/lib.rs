//! The coordinator: what a fleet of gateways is governed from. So far its storage.
#![forbid(unsafe_code)]

pub mod storage;
