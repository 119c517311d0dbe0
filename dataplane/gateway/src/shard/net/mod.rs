//! The runtime and the network: the only code that knows which runtime drives a shard.
//!
//! A shard runs on [monoio](https://docs.rs/monoio/0.2.4) 0.2.4, on `io_uring` or, where the sandbox forbids that, on
//! epoll. Everything above this module reads and writes through [`Conn`], waits through [`sleep`], [`timeout`] and
//! [`deadline`], and starts tasks with [`spawn`]. Another runtime means another version of this folder.
//!
//! # Rules
//!
//! monoio gives buffers to the kernel and takes them back when an operation completes. The rules below follow from
//! that, and from defects of 0.2.4 that were reproduced. Links lead to monoio's own issues where there is one.
//!
//! * **A read in flight is never dropped.** The bytes that it had already moved would be lost; what monoio offers
//!   instead is an operation that is cancelled and awaited ([#144](https://github.com/monoio-rs/monoio/pull/144)). Each
//!   connection has one reader for its whole life ([`read_half`]), and an expired [`deadline`] shuts the descriptor
//!   down, so that the operation ends by itself.
//! * **No task wakes itself.** A task that calls `wake_by_ref` and returns `Pending` is polled again before the kernel
//!   is asked for events, and starves the shard ([#322](https://github.com/monoio-rs/monoio/issues/322),
//!   [#146](https://github.com/monoio-rs/monoio/issues/146)). Long work lets others run through [`yield_now`].
//! * **A panic stays inside its task** ([`catch_unwind`]). monoio lets it unwind through the whole shard
//!   ([#314](https://github.com/monoio-rs/monoio/issues/314)).
//! * **Flags of the ring are `COOP_TASKRUN` and `SINGLE_ISSUER`** ([`runtime`]). With `DEFER_TASKRUN` no completion is
//!   seen while any task is runnable, and `SQPOLL` panics when the submission queue is full.
//! * **No name is looked up here.** monoio's `TcpStream::connect` resolves names on the calling thread, blocking, and
//!   tries one address only. [`connect()`] takes an address.
//! * **TLS is a state machine over bytes** ([`tls`]). `monoio-rustls` panics on the read after one that was dropped,
//!   writes only the first part of a vectored write, and copies every byte several times.
//! * **No `RefCell` stays borrowed across an `await`**: another task of the thread would find it borrowed.

pub(crate) mod buffers;
mod catch_unwind;
mod conn;
mod connect;
pub(crate) mod deadline;
mod listener;
mod read_half;
mod runtime;
mod socket_handle;
mod tls;
mod write_half;

pub(crate) use conn::{Conn, Watched};
pub(crate) use connect::connect;
pub(crate) use listener::{Listener, Stream};

pub(crate) use runtime::{block_on, has_io_uring, sleep, spawn, timeout, yield_now};
pub(crate) use tls::TlsHalf;
pub(crate) use write_half::{Slices, WriteTimeout};
