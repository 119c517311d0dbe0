//! Makes one connection to one address.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use super::conn::Conn;
use super::deadline::Deadlines;
use super::listener::Stream;
use super::runtime::timeout;
use super::socket_handle::SocketHandle;

/// Connects to `address` within `limit`; zero is no limit. An attempt that took too long fails with `TimedOut`.
pub(crate) async fn connect(
    address: SocketAddr,
    limit: Duration,
    deadlines: &Rc<Deadlines>,
) -> io::Result<Conn> {
    let (stream, handle) = if limit.is_zero() {
        open(address).await?
    } else {
        // Dropping a connect that takes too long loses nothing: no byte has been moved.
        timeout(limit, open(address)).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?
    };
    Ok(Conn::new(stream, Some(handle), deadlines))
}

/// Opens a connection on a socket of our own, because the runtime does not lend out the descriptors of its own ones.
async fn open(address: SocketAddr) -> io::Result<(Stream, SocketHandle)> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    let probe = socket.try_clone()?;
    match socket.connect(&address.into()) {
        Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => return Err(error),
        _ => {}
    }
    let stream = Stream::from_std(socket.into())?;
    stream.writable(false).await?;
    if let Some(error) = probe.take_error()? {
        return Err(error);
    }
    // With io_uring an operation on a socket that does not block fails where it should wait.
    probe.set_nonblocking(monoio::utils::is_legacy())?;
    Ok((stream, SocketHandle::new(probe)))
}
