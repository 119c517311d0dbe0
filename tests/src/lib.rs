//! The harness of the end-to-end tests: real programs on loopback, raw clients, scripted providers, made-up secrets.
//!
//! It speaks HTTP by itself and on purpose shares no code with the gateway: a test that parsed replies with the
//! gateway's own codec would agree with its mistakes.
#![forbid(unsafe_code)]

pub mod authority;
pub mod client;
pub mod compatibility;
pub mod gateway;
pub mod message;
pub mod mock;
pub mod oracle;
pub mod process;
pub mod secrets;
pub mod sse;
pub mod stopped_pipe;
pub mod upstream;
pub mod waiting;

pub use authority::Authority;
pub use client::Client;
pub use gateway::{Gateway, GatewayBuilder};
pub use message::Message;
pub use mock::Mock;
pub use stopped_pipe::StoppedPipe;
pub use upstream::{Script, Upstream};
pub use waiting::wait_until;
