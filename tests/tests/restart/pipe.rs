//! A takeover while both gateways write their logs to the same pipes, whose readers lag.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::Read;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use aegis_tests::client::{Client, post_with};
use aegis_tests::secrets::Seeded;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::load::provider;
use crate::{CHAT, PATIENCE, before};

/// Clients that ask at once, and how often each does.
const CLIENTS: usize = 3;
const EACH: usize = 16;
/// Streams that the old gateway ends beside the new one's requests.
const STREAMS: usize = 16;
/// What a reader takes at once, and the smallest pipe has room for.
const STEP: usize = 4_096;
/// Pause between two reads.
const LAG: Duration = Duration::from_millis(4);

/// A pipe and its slow reader.
struct LaggingPipe {
    path: PathBuf,
    /// The pipe has an end when this is closed, and the gateways' ends are.
    writer: File,
    reader: JoinHandle<String>,
}

impl LaggingPipe {
    fn new(path: &Path) -> LaggingPipe {
        mkfifo(path, Mode::S_IRWXU).expect("a pipe");
        let options = |flags: OFlag| OpenOptions::new().custom_flags(flags.bits()).clone();
        let mut reader = options(OFlag::O_NONBLOCK).read(true).open(path).expect("the pipe opens");
        let writer = options(OFlag::empty()).write(true).open(path).expect("the pipe opens");
        fcntl(&reader, FcntlArg::F_SETPIPE_SZ(4_096)).expect("a small pipe");
        fcntl(&reader, FcntlArg::F_SETFL(OFlag::empty())).expect("reads that wait");
        let reader = thread::spawn(move || {
            let (mut text, mut some) = (Vec::new(), [0; STEP]);
            while let Ok(count @ 1..) = reader.read(&mut some) {
                text.extend_from_slice(&some[..count]);
                thread::sleep(LAG);
            }
            String::from_utf8(text).expect("whole lines are UTF-8")
        });
        LaggingPipe { path: path.to_path_buf(), writer, reader }
    }

    /// The ids in its lines, each of which must be a whole one.
    fn ids(self) -> Vec<String> {
        drop(self.writer);
        let text = self.reader.join().expect("no panic");
        let id = |line: &str| {
            let event: serde_json::Value =
                serde_json::from_str(line).unwrap_or_else(|_| panic!("cut: {line}"));
            event["id"].as_str().expect("an id").to_owned()
        };
        text.lines().map(id).collect()
    }
}

/// A request with so many secrets: its event is longer than what a pipe takes in one piece, or shorter.
fn request(text: &str, secrets: usize) -> Vec<u8> {
    let mut random = Seeded::new(secrets as u64);
    let secrets: Vec<String> = (0..secrets).map(|_| random.github()).collect();
    let content = format!("{text} {}", secrets.join(" "));
    let body = serde_json::json!({"messages": [{"role": "user", "content": content}]});
    post_with(CHAT, "application/json", &[("connection", "close")], body.to_string().as_bytes())
}

/// Requests that are answered after one another, by several clients at once.
fn ask_all(address: SocketAddr) {
    let ask = || {
        for number in 0..EACH {
            let reply = Client::connect(address).exchange(&request("quick", number * 6));
            assert_eq!(reply.status(), 200);
        }
    };
    thread::scope(|scope| (0..CLIENTS).for_each(|_| drop(scope.spawn(ask))));
}

/// Begins streams, each of which takes a second.
fn begin_streams(address: SocketAddr) -> Vec<Client> {
    let begin = |number| {
        let mut client = Client::connect(address);
        client.send(&request("slow", number * 6)).expect("sent");
        client.read_some(100).expect("the reply begins");
        client
    };
    (0..STREAMS).map(begin).collect()
}

#[test]
fn lines_of_both_gateways_in_one_pipe_stay_whole_and_none_is_lost() {
    let (upstream, folder) = (provider(), tempfile::tempdir().expect("a folder"));
    let [audit, access] = ["audit", "access"].map(|name| LaggingPipe::new(&folder.path().join(name)));
    let config = format!("[audit]\nfile = {:?}\n[log]\nformat = \"json\"\naccess = \"stdout\"\n", audit.path);
    let gateway = || before(&upstream).config(&config).stdout(&access.path);
    let mut old = gateway().state(&folder.path().join("state")).start();
    let streams = begin_streams(old.address);
    let mut new = gateway().in_place_of(&old).takeover().start();
    ask_all(new.address);
    for mut stream in streams {
        assert!(stream.read_to_end().is_ok_and(|rest| rest.ends_with(b"0\r\n\r\n")), "it was not cut");
    }
    assert!(old.process.wait(PATIENCE).expect("it ends").success());
    new.terminate();
    assert!(new.process.wait(PATIENCE).expect("it ends").success());
    for pipe in [audit, access] {
        let ids = pipe.ids();
        assert_eq!(ids.len(), STREAMS + CLIENTS * EACH, "lines");
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len(), "requests");
    }
}
