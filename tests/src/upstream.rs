//! A provider that does exactly what a test scripts: any bytes, any cuts, any ending.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use crate::client::{READ_LIMIT, reset};
use crate::message::Message;

/// One thing a scripted provider does.
#[derive(Debug, Clone)]
pub enum Step {
    /// Writes these bytes at once.
    Send(Vec<u8>),
    /// Waits.
    Pause(Duration),
    /// Ends the connection with a reset.
    Reset,
    /// Ends the connection in order.
    Close,
}

/// What a scripted provider does with one request.
#[derive(Debug, Clone, Default)]
pub struct Script {
    steps: Vec<Step>,
}

impl Script {
    /// Raw bytes.
    pub fn raw(bytes: impl Into<Vec<u8>>) -> Script {
        Script { steps: vec![Step::Send(bytes.into())] }
    }

    /// A complete 200 reply with a length.
    pub fn reply(content_type: &str, body: &[u8]) -> Script {
        let mut bytes = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        bytes.extend_from_slice(body);
        Script::raw(bytes)
    }

    /// The head of a chunked event stream; [`Script::event`] and [`Script::end`] go on.
    pub fn stream() -> Script {
        Script::raw(
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n",
        )
    }

    /// One chunk holding `bytes`.
    #[must_use]
    pub fn event(self, bytes: &[u8]) -> Script {
        let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
        chunk.extend_from_slice(bytes);
        chunk.extend_from_slice(b"\r\n");
        self.send(chunk)
    }

    /// The last chunk.
    #[must_use]
    pub fn end(self) -> Script {
        self.send("0\r\n\r\n")
    }

    /// Then sends these bytes at once.
    #[must_use]
    pub fn send(self, bytes: impl Into<Vec<u8>>) -> Script {
        self.then(Step::Send(bytes.into()))
    }

    /// Then does this.
    #[must_use]
    pub fn then(mut self, step: Step) -> Script {
        self.steps.push(step);
        self
    }

    /// The same bytes in pieces of at most `size`, each a write of its own.
    #[must_use]
    pub fn cut(self, size: usize) -> Script {
        let mut steps = Vec::new();
        for step in self.steps {
            match step {
                Step::Send(bytes) => {
                    steps.extend(bytes.chunks(size.max(1)).map(|piece| Step::Send(piece.to_vec())));
                }
                other => steps.push(other),
            }
        }
        Script { steps }
    }

    /// The same bytes, cut once `at` bytes into the body of a one-step reply; the gap makes two reads of it.
    #[must_use]
    pub fn cut_body(mut self, at: usize, gap: Duration) -> Script {
        let Some(Step::Send(bytes)) = self.steps.pop() else { return self };
        let body = bytes.windows(4).position(|four| four == b"\r\n\r\n").map_or(0, |end| end + 4);
        let (first, second) = bytes.split_at((body + at).min(bytes.len()));
        self.send(first).then(Step::Pause(gap)).send(second)
    }
}

/// Answers one request; the second argument counts requests over all connections from 0.
type Handler = dyn Fn(&Message, usize) -> Script + Send + Sync;

/// A scripted provider on loopback. It stops with the test process.
#[derive(Clone)]
pub struct Upstream {
    address: SocketAddr,
    records: Arc<Mutex<Vec<Message>>>,
    handler: Arc<Mutex<Arc<Handler>>>,
}

impl Upstream {
    /// Listens and answers every request by `handler`.
    pub fn start(handler: impl Fn(&Message, usize) -> Script + Send + Sync + 'static) -> Upstream {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback takes a listener");
        let address = listener.local_addr().expect("a listener has an address");
        let records = Arc::new(Mutex::new(Vec::new()));
        let handler: Arc<Handler> = Arc::new(handler);
        let upstream = Upstream { address, records, handler: Arc::new(Mutex::new(handler)) };
        let serving = upstream.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let upstream = serving.clone();
                thread::spawn(move || upstream.serve(stream));
            }
        });
        upstream
    }

    /// Answers by another handler from the next request on.
    pub fn play(&self, handler: impl Fn(&Message, usize) -> Script + Send + Sync + 'static) {
        *lock(&self.handler) = Arc::new(handler);
    }

    /// `http://` and the address.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Every request received so far, in order of arrival.
    pub fn records(&self) -> MutexGuard<'_, Vec<Message>> {
        lock(&self.records)
    }

    /// The only or latest request.
    ///
    /// # Panics
    /// If there was none.
    pub fn last(&self) -> Message {
        self.records().last().cloned().expect("the provider got a request")
    }

    /// Forgets what it received.
    pub fn forget(&self) {
        self.records().clear();
    }

    fn serve(&self, mut stream: TcpStream) {
        let _ = stream.set_nodelay(true);
        let _ = stream.set_read_timeout(Some(READ_LIMIT));
        while let Ok(request) = Message::read_request(&mut stream) {
            let index = {
                let mut records = self.records();
                records.push(request.clone());
                records.len() - 1
            };
            if !request.complete {
                return;
            }
            let handler = Arc::clone(&lock(&self.handler));
            for step in handler(&request, index).steps {
                match step {
                    Step::Send(bytes) => {
                        if stream.write_all(&bytes).is_err() {
                            return;
                        }
                    }
                    Step::Pause(time) => thread::sleep(time),
                    Step::Reset => return reset(&stream),
                    Step::Close => return,
                }
            }
        }
    }
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
