//! A second descriptor of an upstream's socket, for what the runtime does not offer: what the peer's kernel has
//! acknowledged, and writes of many slices.
//!
//! Acknowledged bytes are the one proof that a request was *not* received. A request may be sent a second time only when nobody can have acted on the first. A graceful end of stream proves
//! that, because it carries the acknowledgement of all that had arrived. A reset does not: it may overtake the
//! acknowledgement of bytes that were read. Linux counts acknowledged bytes per socket (`tcpi_bytes_acked`, tcp(7) and
//! RFC 4898 `tcpEStatsAppHCThruOctetsAcked`), since 4.1.
//!
//! A request body lies in memory that holds the client's secrets, between tokens that take their place. Written by an
//! operation of the runtime its buffers would be the kernel's until that ends, and out of reach for who must overwrite
//! them. A write that does not wait takes what there is room for, and gives everything back at once.

use std::io::{self, IoSlice};

use nix::sys::socket::getsockopt;
use nix::sys::socket::sockopt::GetStruct;
use socket2::Socket;

/// The beginning of the kernel's `struct tcp_info`, as far as it is read. The kernel fills what there is room for.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
struct TcpInfo {
    _state: [u8; 8],
    _counters: [u32; 24],
    _rates: [u64; 2],
    bytes_acked: u64,
}

#[derive(Clone, Copy)]
struct TcpInfoOption;

nix::getsockopt_impl!(TcpInfoOption, libc::IPPROTO_TCP, libc::TCP_INFO, TcpInfo, GetStruct<TcpInfo>);

/// A descriptor of its own for a connection: the runtime does not lend out the one it uses.
pub(crate) struct SocketHandle {
    socket: Socket,
    /// The count before the first byte: the handshake may count.
    before: Option<u64>,
}

impl SocketHandle {
    /// Takes a socket that is connected and has not been written to.
    pub(crate) fn new(socket: Socket) -> Self {
        let before = acknowledged(&socket);
        Self { socket, before }
    }

    /// Writes as much of the slices as the socket has room for, without waiting; `WouldBlock` when it has none. No write
    /// of the runtime may be in flight.
    pub(crate) fn write_now(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        loop {
            let written =
                self.socket.send_vectored_with_flags(slices, libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL);
            match written {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                written => return written,
            }
        }
    }

    /// Whether the peer may have acknowledged more than the first `sent` bytes that were written. True when the kernel
    /// does not say.
    pub(crate) fn has_acked_beyond(&self, sent: u64) -> bool {
        match (self.before, acknowledged(&self.socket)) {
            (Some(before), Some(now)) => now.saturating_sub(before) > sent,
            _ => true,
        }
    }
}

fn acknowledged(socket: &Socket) -> Option<u64> {
    getsockopt(socket, TcpInfoOption).ok().map(|info| info.bytes_acked)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_byte_counts_once_the_peer_has_acknowledged_it() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let acks = SocketHandle::new(Socket::from(near.try_clone().unwrap()));
        let (mut far, _) = listener.accept().unwrap();
        assert!(!acks.has_acked_beyond(0));
        near.write_all(b"ping").unwrap();
        far.read_exact(&mut [0; 4]).unwrap();
        far.write_all(b"pong").unwrap();
        near.read_exact(&mut [0; 4]).unwrap();
        assert!(acks.has_acked_beyond(0) && acks.has_acked_beyond(3));
        assert!(!acks.has_acked_beyond(4));
        // What is written to a socket that its owner has closed is answered by a reset, not acknowledged.
        drop(far);
        assert_eq!(near.read(&mut [0; 1]).unwrap(), 0);
        near.write_all(b"late").unwrap();
        thread::sleep(Duration::from_millis(20));
        assert!(!acks.has_acked_beyond(4));
    }
}
