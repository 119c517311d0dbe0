//! Listening sockets, one per shard and address.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;

use monoio::net::TcpListener;
/// A connected socket as it was accepted or made: [`Conn`](super::Conn) takes it over.
pub(crate) use monoio::net::TcpStream as Stream;
use nix::sys::socket::{Shutdown, shutdown};
use socket2::{Domain, Protocol, Socket, Type};

/// A listener of one shard. The kernel spreads connections over all listeners that share the address (`SO_REUSEPORT`).
pub(crate) struct Listener(TcpListener);

impl Listener {
    /// Listens on `address`, with room for `backlog` connections that were not accepted yet.
    pub(crate) fn bind(address: SocketAddr, backlog: u32) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        socket.set_reuse_port(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
        Ok(Self(TcpListener::from_std(socket.into())?))
    }

    /// Waits for the next connection.
    pub(crate) async fn accept(&self) -> io::Result<(Stream, SocketAddr)> {
        self.0.accept().await
    }

    /// Ends the listener: an accept that is waiting fails, and so does every later one.
    pub(crate) fn shutdown(&self) {
        // A listener that has already ended has nothing left to end.
        let _ = shutdown(self.0.as_raw_fd(), Shutdown::Both);
    }
}
