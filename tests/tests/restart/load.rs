//! Clients that go on asking while gateways come and go, and what became of their requests.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use aegis_tests::client::{Client, post, post_with};
use aegis_tests::upstream::Step;
use aegis_tests::{Message, Script, Upstream};

const CHAT: &str = "/v1/chat/completions";
/// What a provider answers.
const ANSWER: &[u8] = b"{\"ok\":true}";

/// A provider that takes a moment, or streams for a second if the request is called `slow`, for six if `long`.
pub(crate) fn provider() -> Upstream {
    Upstream::start(|request, _| {
        let text = request.text();
        let events = [("slow", 10), ("long", 60)].into_iter().find(|(name, _)| text.contains(name));
        if let Some((_, events)) = events {
            return (0..events)
                .fold(Script::stream(), |script, number| {
                    let event = format!("data: {{\"number\":{number}}}\n\n");
                    script.event(event.as_bytes()).then(Step::Pause(Duration::from_millis(100)))
                })
                .end();
        }
        Script::default().then(Step::Pause(Duration::from_millis(3))).send(reply())
    })
}

fn reply() -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        ANSWER.len()
    );
    [head.as_bytes(), ANSWER].concat()
}

/// What a client does with its connection.
#[derive(Debug, Clone, Copy)]
enum Habit {
    /// A new one for each request.
    Single,
    /// The same one until the gateway says that it ends, with so many milliseconds between two requests.
    Kept(u64),
    /// One long stream after the other.
    Stream,
}

/// The clients of a test.
pub(crate) struct Load {
    busy: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    threads: Vec<JoinHandle<Vec<String>>>,
}

impl Load {
    /// So many clients of each habit.
    pub(crate) fn start(address: SocketAddr, clients: usize) -> Load {
        let busy = Arc::new(AtomicBool::new(true));
        let answered = Arc::new(AtomicUsize::new(0));
        let habits = [Habit::Single, Habit::Kept(0), Habit::Kept(30), Habit::Stream];
        let threads = habits.iter().cycle().take(clients * habits.len()).map(|habit| {
            let (habit, busy, answered) = (*habit, Arc::clone(&busy), Arc::clone(&answered));
            thread::spawn(move || ask(address, habit, &busy, &answered))
        });
        let threads = threads.collect();
        Load { busy, answered, threads }
    }

    /// Waits until `more` requests were answered.
    pub(crate) fn wait_for(&self, more: usize) {
        let wanted = self.answered.load(Relaxed) + more;
        let is_asking = || self.threads.iter().any(|thread| !thread.is_finished());
        while self.answered.load(Relaxed) < wanted && is_asking() {
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Ends it: how many requests were answered, and what became of those that were not.
    pub(crate) fn end(self) -> (usize, Vec<String>) {
        self.busy.store(false, Relaxed);
        let cut = self.threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect();
        (self.answered.load(Relaxed), cut)
    }
}

/// Asks until the end, or until a request was not answered: what became of that.
fn ask(address: SocketAddr, habit: Habit, busy: &AtomicBool, answered: &AtomicUsize) -> Vec<String> {
    let mut kept: Option<Client> = None;
    while busy.load(Relaxed) {
        let client = kept.take().map_or_else(|| Client::try_connect(address), Ok);
        let client = client.map_err(|error| format!("connecting: {error}"));
        let (client, message) = match client.and_then(|client| request(client, habit)) {
            Ok(answered) => answered,
            Err(what) => return vec![format!("{habit:?}: {what}")],
        };
        answered.fetch_add(1, Relaxed);
        if let Habit::Kept(pause) = habit {
            if message.field("connection").is_none_or(|value| value != "close") {
                kept = Some(client);
            }
            thread::sleep(Duration::from_millis(pause));
        }
    }
    Vec::new()
}

/// One request. The error says how it was cut.
fn request(mut client: Client, habit: Habit) -> Result<(Client, Message), String> {
    let bytes = match habit {
        Habit::Single => post_with(CHAT, "application/json", &[("connection", "close")], b"{\"a\":1}"),
        Habit::Kept(_) => post(CHAT, "application/json", b"{\"a\":2}"),
        Habit::Stream => post(CHAT, "application/json", b"{\"a\":\"slow\"}"),
    };
    client.send(&bytes).map_err(|error| format!("sending: {error}"))?;
    let message = client.reply().map_err(|error| format!("reading: {error}"))?;
    let whole = match habit {
        Habit::Stream => message.text().contains("\"number\":9"),
        Habit::Single | Habit::Kept(_) => message.body == ANSWER,
    };
    if message.status() == 200 && message.complete && whole {
        return Ok((client, message));
    }
    Err(format!("{} {}", message.status(), message.text()))
}
