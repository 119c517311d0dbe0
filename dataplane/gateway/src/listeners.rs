//! Listening sockets: bound before anything is served, so that a taken port is said at once, then lent to the shards.
//!
//! Each shard has a socket of its own for each address, and the kernel spreads connections over them (`SO_REUSEPORT`).
//! A socket that another process hands over is the same one there and here: connections that wait in its queue are
//! accepted by whoever comes first, and are lost only when the last of both closes it.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, SockRef, Socket, Type};

/// How long an address may stay in use. The sockets of a process that was killed are closed behind its end where
/// `io_uring` still holds them.
const RETRY_TIMEOUT: Duration = Duration::from_secs(1);
/// Pause between two attempts.
const PAUSE: Duration = Duration::from_millis(10);

/// Listens on `address` alone.
pub fn bind_alone(address: SocketAddr) -> io::Result<TcpListener> {
    while_in_use(|| TcpListener::bind(address))
}

/// Gives each of `shards` a socket for each of `addresses`, with room for `backlog` connections that were not accepted
/// yet. Of what another process has handed over, `inherited`, everything for these addresses is used, whatever the
/// number of its shards was, and the rest is closed.
///
/// # Errors
///
/// The address that cannot be listened on, and why.
pub fn open(
    addresses: &[SocketAddr],
    shards: usize,
    backlog: u32,
    inherited: Vec<TcpListener>,
) -> Result<Vec<Vec<TcpListener>>, (SocketAddr, io::Error)> {
    let backlog = i32::try_from(backlog).unwrap_or(i32::MAX);
    let mut dealt: Vec<Vec<TcpListener>> = (0..shards).map(|_| Vec::new()).collect();
    let mut inherited: Vec<Option<TcpListener>> = inherited.into_iter().map(Some).collect();
    for &address in addresses {
        let is_it = |socket: &TcpListener| socket.local_addr().is_ok_and(|local| local == address);
        let fitting = inherited.iter_mut().filter_map(|socket| socket.take_if(|socket| is_it(socket)));
        let mut count = 0;
        for socket in fitting {
            // Its queue is as long as this configuration says from here on.
            SockRef::from(&socket).listen(backlog).map_err(|error| (address, error))?;
            dealt[count % shards].push(socket);
            count += 1;
        }
        if count == 0 {
            // Two gateways would share the port by mistake: this socket does not share, and fails when one is there.
            drop(bind_alone(address).map_err(|error| (address, error))?);
        }
        for shard in dealt.iter_mut().skip(count) {
            shard.push(bind_shared(address, backlog).map_err(|error| (address, error))?);
        }
    }
    Ok(dealt)
}

/// Listens on `address` beside other sockets of this user.
fn bind_shared(address: SocketAddr, backlog: i32) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    // Another process may take the connection that this one was woken for.
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(backlog)?;
    Ok(socket.into())
}

/// Tries again for a while as long as the address is in use.
fn while_in_use(bind: impl Fn() -> io::Result<TcpListener>) -> io::Result<TcpListener> {
    let begun = Instant::now();
    loop {
        match bind() {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && begun.elapsed() < RETRY_TIMEOUT => {
                std::thread::sleep(PAUSE);
            }
            done => return done,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    fn address_of(socket: &TcpListener) -> SocketAddr {
        socket.local_addr().unwrap()
    }

    /// The addresses of each shard's sockets.
    fn dealt(shards: &[Vec<TcpListener>]) -> Vec<Vec<SocketAddr>> {
        shards.iter().map(|sockets| sockets.iter().map(address_of).collect()).collect()
    }

    #[test]
    fn every_shard_listens_on_every_address() {
        let ports = [
            bind_alone("127.0.0.1:0".parse().unwrap()).unwrap(),
            bind_alone("127.0.0.1:0".parse().unwrap()).unwrap(),
        ];
        let addresses = ports.each_ref().map(address_of);
        drop(ports);
        let shards = open(&addresses, 3, 16, Vec::new()).unwrap();
        assert_eq!(dealt(&shards), vec![addresses.to_vec(); 3]);
        let (taken, error) = open(&addresses, 1, 16, Vec::new()).unwrap_err();
        assert_eq!((taken, error.kind()), (addresses[0], io::ErrorKind::AddrInUse));
    }

    #[test]
    fn what_is_inherited_is_used_to_the_last_and_the_rest_closed() {
        let port = bind_alone("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = address_of(&port);
        drop(port);
        let other = bind_alone("127.0.0.1:0".parse().unwrap()).unwrap();
        let unwanted = address_of(&other);
        for (theirs, ours, expected) in [(3, 2, vec![2, 1]), (2, 3, vec![1, 1, 1]), (2, 2, vec![1, 1])] {
            let before: Vec<TcpListener> =
                open(&[address], theirs, 16, Vec::new()).unwrap().into_iter().flatten().collect();
            let mut inherited: Vec<TcpListener> =
                before.iter().map(|socket| socket.try_clone().unwrap()).collect();
            inherited.push(other.try_clone().unwrap());
            let shards = open(&[address], ours, 16, inherited).unwrap();
            assert_eq!(shards.iter().map(Vec::len).collect::<Vec<_>>(), expected);
            assert!(shards.iter().flatten().all(|socket| address_of(socket) == address));
        }
        drop(other);
        assert!(TcpStream::connect(unwanted).is_err(), "nobody holds it any more");
    }

    #[test]
    fn an_address_that_is_given_up_soon_is_waited_for() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = address_of(&taken);
        let holder = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(100));
            drop(taken);
        });
        assert_eq!(address_of(&bind_alone(address).unwrap()), address);
        holder.join().unwrap();
    }
}
