//! How many client connections the limit of open descriptors has room for.
//!
//! A client that was accepted must be served: so what its exchange may need is set aside with it, and what the rest of
//! the process needs is kept free of all traffic.

/// Descriptors that a client's connection may need: its own, and the two of a connection to an upstream.
pub const PER_CONNECTION: u64 = 3;
/// Most connections to the admin listener.
pub const ADMIN_CONNECTIONS: usize = 64;
/// Logs, audit file, locks, files read by a reload, lookups of names, the sockets of a takeover, and what is about to be closed.
const FILES: u64 = 64;
/// Ring or epoll instance of a shard, and what wakes it.
const PER_SHARD: u64 = 4;
/// A listening socket: the shard's two, the one kept to be handed over, and its copy while it is.
const PER_LISTENER: u64 = 4;

/// What a process needs descriptors for, beside traffic.
#[derive(Debug, Clone, Copy)]
pub struct ProcessShape {
    /// Number of shards.
    pub shards: usize,
    /// Number of addresses that take traffic.
    pub addresses: usize,
}

impl ProcessShape {
    /// Descriptors that are kept free of traffic.
    pub fn reserve(self) -> u64 {
        let (shards, addresses) = (self.shards as u64, self.addresses as u64);
        FILES + ADMIN_CONNECTIONS as u64 + shards * (PER_SHARD + addresses * PER_LISTENER)
    }

    /// How many client connections a limit of `descriptors` has room for, all of them in an exchange at once.
    pub fn connections_within(self, descriptors: u64) -> u64 {
        descriptors.saturating_sub(self.reserve()) / PER_CONNECTION
    }

    /// The limit of descriptors that so many client connections need.
    pub fn needed_for(self, connections: u64) -> u64 {
        connections.saturating_mul(PER_CONNECTION).saturating_add(self.reserve())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_needed_for_so_many_has_room_for_them_and_for_no_more() {
        for (shards, addresses) in [(1, 1), (2, 1), (64, 2)] {
            let shape = ProcessShape { shards, addresses };
            for connections in [1, 290, 65_536] {
                assert_eq!(shape.connections_within(shape.needed_for(connections)), connections);
                assert_eq!(shape.connections_within(shape.needed_for(connections) - 1), connections - 1);
            }
            assert_eq!(shape.connections_within(shape.reserve()), 0);
            assert_eq!(shape.connections_within(0), 0);
        }
        assert_eq!(ProcessShape { shards: 2, addresses: 1 }.connections_within(1_024), 293);
    }
}
