//! A shard on real sockets, on both drivers, against small scripted upstreams.

mod bodies;
mod borders;
mod breaks;
mod edge;
mod envelope;
mod harness;
mod keep_alive;
mod life;
mod once;
mod places;
mod restore;
mod round_trip;
mod silence;
mod slow_readers;
mod tls;
