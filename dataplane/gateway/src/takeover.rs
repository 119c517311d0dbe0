//! How a gateway hands over to the one that takes its place: the protocol between both, over a socket in the state folder.
//!
//! The new process connects and says [`HELLO`]. The old one answers with descriptors, each with one byte that says what
//! it is, and goes on as before: both now have the same listening sockets, with one queue of connections. When the new
//! one accepts, it sends [`GO`]; the old one accepts no more, gives up what names it in the state folder, and answers
//! [`DONE`]. A connection that ends before leaves the old one in its place. Whoever else asks meanwhile hears [`BUSY`].

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::net::TcpListener;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::getsockopt;
use nix::sys::socket::sockopt::PeerCredentials;
use nix::unistd::geteuid;
use rustix::io::retry_on_intr;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};

use crate::os::NotedName;

/// Name of the socket in the state folder.
const SOCKET_FILE: &str = "takeover.sock";
/// Longest path that the address of a socket has room for.
const MAX_SOCKET_PATH: usize = 100;
/// What the new process says first; the number counts up with every change of what follows.
const HELLO: &[u8] = b"aegis takeover 2\n";
/// Says that the new process accepts.
const GO: u8 = b'G';
/// Says that the old process accepts no more.
const DONE: u8 = b'D';

/// Instead of descriptors: another process is taking over. Its number follows.
const BUSY: u8 = b'B';

/// What comes with a descriptor.
const LOCK: u8 = b'L';
const ADMIN: u8 = b'A';
const TRAFFIC: u8 = b'T';
/// Behind the last descriptor.
const END: u8 = b'.';

/// How long the other side may take for an answer that needs no work.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// How long somebody who is refused may take to say who he is.
const REFUSAL_LIMIT: Duration = Duration::from_secs(1);
/// How long the new process may take from the descriptors to [`GO`]: half a minute until it could answer, and what its
/// threads take to start. Nobody else can take over meanwhile.
const START_LIMIT: Duration = Duration::from_secs(45);
/// Most descriptors that are taken from another process.
const MAX_DESCRIPTORS: usize = 16_384;

/// The name of the socket on which a gateway waits for the one that takes over. It goes when dropped, unless it is that
/// of another socket by then.
#[derive(Debug)]
pub struct TakeoverName(pub NotedName);

impl Drop for TakeoverName {
    fn drop(&mut self) {
        self.0.remove();
    }
}

/// Waits in `folder` for a gateway that takes over. The caller holds the folder's lock, so that a socket which is there
/// belongs to nobody.
pub fn listen(folder: &Path) -> io::Result<(UnixListener, TakeoverName)> {
    let path = folder.join(SOCKET_FILE);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = at_short_path(folder, |path| UnixListener::bind(path))?;
    Ok((listener, TakeoverName(NotedName::note(path)?)))
}

/// Calls `work` with a path of the socket that its address has room for.
fn at_short_path<T>(folder: &Path, work: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    let path = folder.join(SOCKET_FILE);
    if path.as_os_str().len() <= MAX_SOCKET_PATH {
        return work(&path);
    }
    let open = File::open(folder)?;
    work(&Path::new("/proc/self/fd").join(open.as_raw_fd().to_string()).join(SOCKET_FILE))
}

/// What is handed over.
#[derive(Debug)]
pub struct Handover {
    /// The file whose lock is the state folder's; none where there is no lock.
    pub lock: Option<File>,
    /// The admin listener.
    pub admin: TcpListener,
    /// All sockets that take traffic.
    pub traffic: Vec<TcpListener>,
}

impl Handover {
    /// The same once more.
    pub fn try_clone(&self) -> io::Result<Handover> {
        Ok(Handover {
            lock: self.lock.as_ref().map(File::try_clone).transpose()?,
            admin: self.admin.try_clone()?,
            traffic: self.traffic.iter().map(TcpListener::try_clone).collect::<io::Result<_>>()?,
        })
    }
}

/// A process that wants to take over.
#[derive(Debug)]
pub struct Successor {
    link: UnixStream,
    /// Its number.
    pub process: i32,
}

impl Successor {
    /// Hears who it is that has connected.
    ///
    /// # Errors
    ///
    /// When it is another user's process, or speaks another version of this protocol.
    pub fn handshake(link: UnixStream) -> io::Result<Self> {
        link.set_read_timeout(Some(ANSWER_LIMIT))?;
        link.set_write_timeout(Some(ANSWER_LIMIT))?;
        let peer = check_peer(&link)?;
        let mut hello = [0; HELLO.len()];
        (&link).read_exact(&mut hello)?;
        if hello != HELLO {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it speaks another version"));
        }
        Ok(Self { link, process: peer })
    }

    /// Hands it what it takes over.
    pub fn hand(&self, handover: &Handover) -> io::Result<()> {
        if let Some(lock) = &handover.lock {
            send(&self.link, LOCK, Some(lock.as_fd()))?;
        }
        send(&self.link, ADMIN, Some(handover.admin.as_fd()))?;
        for socket in &handover.traffic {
            send(&self.link, TRAFFIC, Some(socket.as_fd()))?;
        }
        send(&self.link, END, None)
    }

    /// Waits until it accepts. Processes that come to `listener` meanwhile are told that they cannot take over.
    ///
    /// # Errors
    ///
    /// When it has given up, or takes too long: then this process stays in its place.
    pub fn accepts(&self, listener: &UnixListener) -> io::Result<()> {
        let deadline = Instant::now() + START_LIMIT;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "it takes too long"));
            }
            match wait_readable([self.link.as_fd(), listener.as_fd()], left)? {
                [true, _] => return expect(&self.link, GO),
                [false, true] => {
                    let refused = listener.accept().and_then(|(link, _)| refuse(&link, self.process));
                    tracing::warn!(
                        told = ?refused,
                        by = self.process,
                        "another process wants to take over, too, and is refused"
                    );
                }
                [false, false] => {}
            }
        }
    }

    /// Says that this process accepts no more.
    pub fn release(&self) -> io::Result<()> {
        send(&self.link, DONE, None)
    }
}

/// What another process has handed over, and the way back to it.
#[derive(Debug)]
pub struct Predecessor {
    link: UnixStream,
    /// Its number.
    pub process: i32,
}

/// Asks the gateway that runs with this state `folder` for what it has. None when none runs there.
///
/// # Errors
///
/// When it refuses, ends, or does not answer.
pub fn ask(folder: &Path) -> io::Result<Option<(Predecessor, Handover)>> {
    let link = match at_short_path(folder, |path| UnixStream::connect(path)) {
        Ok(link) => link,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    link.set_read_timeout(Some(ANSWER_LIMIT))?;
    link.set_write_timeout(Some(ANSWER_LIMIT))?;
    let process = check_peer(&link)?;
    (&link).write_all(HELLO)?;
    let handover = receive_all(&link).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => io::Error::new(io::ErrorKind::TimedOut, "it does not answer"),
        _ => error,
    })?;
    Ok(Some((Predecessor { link, process }, handover)))
}

/// Whether `error` of [`ask`] says that the other side has closed the connection, as one does that ends.
pub fn is_closed(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionReset | UnexpectedEof)
}

impl Predecessor {
    /// Says that this process accepts, and waits until the other one accepts no more.
    pub fn stop_accepting(&self) -> io::Result<()> {
        send(&self.link, GO, None)?;
        expect(&self.link, DONE)
    }
}

/// Waits until one of `sockets` has something to read or to accept, at most `limit`. Returns which of them have.
pub fn wait_readable<const N: usize>(sockets: [BorrowedFd<'_>; N], limit: Duration) -> io::Result<[bool; N]> {
    let mut watched = sockets.map(|socket| PollFd::new(socket, PollFlags::POLLIN));
    match poll(&mut watched, PollTimeout::try_from(limit).unwrap_or(PollTimeout::MAX)) {
        Ok(_) => Ok(watched.map(|socket| socket.any().unwrap_or(true))),
        Err(Errno::EINTR) => Ok([false; N]),
        Err(error) => Err(error.into()),
    }
}

/// Tells who has connected that `process` is taking over.
fn refuse(link: &UnixStream, process: i32) -> io::Result<()> {
    link.set_read_timeout(Some(REFUSAL_LIMIT))?;
    link.set_write_timeout(Some(REFUSAL_LIMIT))?;
    // Closed before that was read, the connection would end with an error instead of the answer.
    (&*link).read_exact(&mut [0; HELLO.len()])?;
    send(link, BUSY, None)?;
    (&*link).write_all(&process.to_be_bytes())
}

/// The error for a process that comes while another one takes over.
fn busy(mut link: &UnixStream) -> io::Error {
    let mut process = [0; size_of::<i32>()];
    let who = match link.read_exact(&mut process).map(|()| i32::from_be_bytes(process)) {
        Ok(process @ 1..) => format!("process {process}"),
        _ => "another process".to_owned(),
    };
    let what = format!("{who} is taking over from it already; if that one hangs, end it and try again");
    io::Error::new(io::ErrorKind::ResourceBusy, what)
}

fn receive_all(link: &UnixStream) -> io::Result<Handover> {
    let invalid = || io::Error::new(io::ErrorKind::InvalidData, "it speaks another version");
    let (mut lock, mut admin, mut traffic) = (None, None, Vec::new());
    for _ in 0..MAX_DESCRIPTORS {
        match receive(link)? {
            (LOCK, Some(descriptor)) => lock = Some(File::from(descriptor)),
            (ADMIN, Some(descriptor)) => admin = Some(TcpListener::from(descriptor)),
            (TRAFFIC, Some(descriptor)) => traffic.push(TcpListener::from(descriptor)),
            (BUSY, None) => return Err(busy(link)),
            (END, None) => return Ok(Handover { lock, admin: admin.ok_or_else(invalid)?, traffic }),
            _ => return Err(invalid()),
        }
    }
    Err(invalid())
}

/// The number of the process at the other end, which must be of the same user. It is 0 in another container.
fn check_peer(link: &UnixStream) -> io::Result<i32> {
    let peer = getsockopt(link, PeerCredentials)?;
    if peer.uid() != geteuid().as_raw() {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it is another user's process"));
    }
    Ok(peer.pid())
}

/// Sends one byte, and a descriptor with it. The system call may be interrupted by what a ring does.
fn send(link: &UnixStream, kind: u8, descriptor: Option<BorrowedFd<'_>>) -> io::Result<()> {
    let descriptors: Vec<BorrowedFd<'_>> = descriptor.into_iter().collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(&descriptors)) {
        return Err(io::ErrorKind::OutOfMemory.into());
    }
    retry_on_intr(|| sendmsg(link, &[IoSlice::new(&[kind])], &mut ancillary, SendFlags::NOSIGNAL))?;
    Ok(())
}

/// Receives one byte, and the descriptor that came with it.
fn receive(link: &UnixStream) -> io::Result<(u8, Option<OwnedFd>)> {
    let mut kind = [0];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut parts = [IoSliceMut::new(&mut kind)];
    let received = retry_on_intr(|| recvmsg(link, &mut parts, &mut ancillary, RecvFlags::CMSG_CLOEXEC))?;
    if received.bytes == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let mut descriptors = ancillary.drain().flat_map(|message| match message {
        RecvAncillaryMessage::ScmRights(descriptors) => descriptors.collect::<Vec<_>>(),
        _ => Vec::new(),
    });
    Ok((kind[0], descriptors.next()))
}

fn expect(link: &UnixStream, kind: u8) -> io::Result<()> {
    match receive(link)? {
        (received, None) if received == kind => Ok(()),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "it speaks another version")),
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    fn handover() -> Handover {
        let listen = || TcpListener::bind("127.0.0.1:0").unwrap();
        Handover {
            lock: Some(tempfile::tempfile().unwrap()),
            admin: listen(),
            traffic: vec![listen(), listen()],
        }
    }

    #[test]
    fn what_is_handed_over_arrives_whole_and_the_old_one_hears_when_it_is_relieved() {
        let root = tempfile::tempdir().unwrap();
        // One path that the address of a socket has room for, and one that it has not.
        for name in ["short", &"long".repeat(40)] {
            let folder = root.path().join(name);
            std::fs::create_dir(&folder).unwrap();
            assert!(ask(&folder).unwrap().is_none(), "nobody is there");
            let (listener, socket) = listen(&folder).unwrap();
            let old = handover();
            let addresses = |all: &Handover| -> Vec<_> {
                all.traffic.iter().chain([&all.admin]).map(|socket| socket.local_addr().unwrap()).collect()
            };
            let handed = addresses(&old);
            let thread = thread::spawn(move || {
                let successor = Successor::handshake(listener.accept().unwrap().0).unwrap();
                assert_eq!(successor.process, std::process::id().cast_signed());
                successor.hand(&old).and_then(|()| successor.accepts(&listener)).unwrap();
                drop((socket, listener));
                successor.release().unwrap();
            });
            let (predecessor, new) = ask(&folder).unwrap().expect("it is there");
            assert_eq!(addresses(&new), handed);
            assert!(new.lock.is_some());
            predecessor.stop_accepting().unwrap();
            thread.join().unwrap();
            assert!(ask(&folder).unwrap().is_none(), "its socket is gone");
            assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
        }
    }

    #[test]
    fn who_gives_up_or_speaks_otherwise_takes_nothing_over() {
        let folder = tempfile::tempdir().unwrap();
        let (listener, _socket) = listen(folder.path()).unwrap();
        let old = handover();
        let thread = thread::spawn(move || {
            let successor = Successor::handshake(listener.accept().unwrap().0).unwrap();
            let handed = successor.hand(&old).and_then(|()| successor.accepts(&listener));
            assert!(handed.is_err(), "it has given up");
            let stranger = Successor::handshake(listener.accept().unwrap().0);
            assert!(stranger.is_err(), "another version");
        });
        drop(ask(folder.path()).unwrap().expect("it is there"));
        let stranger = at_short_path(folder.path(), |path| UnixStream::connect(path)).unwrap();
        (&stranger).write_all(b"aegis takeover 0\n").unwrap();
        thread.join().unwrap();
    }

    #[test]
    fn who_comes_while_another_one_takes_over_hears_so_at_once_and_the_other_one_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let (listener, socket) = listen(folder.path()).unwrap();
        let old = handover();
        let thread = thread::spawn(move || {
            let successor = Successor::handshake(listener.accept().unwrap().0).unwrap();
            successor.hand(&old).and_then(|()| successor.accepts(&listener)).unwrap();
            drop((socket, listener));
            successor.release().unwrap();
        });
        let (first, _handover) = ask(folder.path()).unwrap().expect("it is there");
        let process = std::process::id();
        let expected = format!(
            "process {process} is taking over from it already; if that one hangs, end it and try again"
        );
        for _ in 0..2 {
            let error = ask(folder.path()).unwrap_err();
            assert_eq!((error.kind(), error.to_string()), (io::ErrorKind::ResourceBusy, expected.clone()));
        }
        // Nor does somebody who says nothing keep it.
        let silent = at_short_path(folder.path(), |path| UnixStream::connect(path)).unwrap();
        first.stop_accepting().unwrap();
        drop(silent);
        thread.join().unwrap();
    }

    #[test]
    fn a_socket_that_a_crash_left_is_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let (listener, socket) = listen(folder.path()).unwrap();
        std::mem::forget(socket);
        drop(listener);
        assert!(ask(folder.path()).unwrap().is_none());
        assert!(listen(folder.path()).is_ok(), "it is begun anew");
    }
}
