//! A shard on real sockets, on both drivers, against small scripted upstreams.

mod bodies;
mod breaks;
mod kit;
mod life;
mod places;
mod restore;
mod round_trip;
