//! A shard on real sockets, on both drivers, against small scripted upstreams.

mod bodies;
mod breaks;
mod edge;
mod kit;
mod life;
mod restore;
mod round_trip;
