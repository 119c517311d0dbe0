//! The coordinator: what a fleet of gateways is governed from.
#![forbid(unsafe_code)]

pub mod authority;
pub mod config;
pub mod grpc;
pub mod join_key;
pub mod seal;
pub mod service;
pub mod storage;
