//! The coordinator: what a fleet of gateways is governed from.
#![forbid(unsafe_code)]

pub mod authority;
pub mod checkpoints;
pub mod cli;
pub mod config;
pub mod grpc;
pub mod http;
pub mod join_key;
pub mod logs;
pub mod parts;
pub mod running;
pub mod seal;
pub mod service;
pub mod storage;
