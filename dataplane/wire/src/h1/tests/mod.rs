//! The codec's own tests. The table of malformed requests is in `tests/framing.rs`.

mod body;
mod request;
mod response;
mod write;
