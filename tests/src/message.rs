//! An HTTP/1 message as the tests see it: parsed simply and strictly, with its raw bytes at hand.

use std::io::{self, Read};

/// A parsed request or reply.
#[derive(Debug, Clone, Default)]
pub struct Message {
    /// Request line or status line.
    pub start: String,
    /// Fields in order, names in lower case.
    pub fields: Vec<(String, String)>,
    /// Payload without chunked framing; content codings are left in place.
    pub body: Vec<u8>,
    /// Every byte of the message as it came.
    pub raw: Vec<u8>,
    /// Whether the framing reached its end. A reply that ends with the connection is complete only if it says so.
    pub complete: bool,
}

enum Framing {
    None,
    Length(usize),
    Chunked,
    UntilClose,
}

impl Message {
    /// Status code of a reply, 0 when the start line is none.
    pub fn status(&self) -> u16 {
        self.start.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0)
    }

    /// Target of a request.
    pub fn target(&self) -> &str {
        self.start.split(' ').nth(1).unwrap_or_default()
    }

    /// First field of that name.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as text, with replacement characters where it is none.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// With the body, if it is no JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("no JSON ({e}): {}", self.text()))
    }

    /// Reads one request. One whose body breaks off is not complete.
    pub fn read_request(from: &mut impl Read) -> io::Result<Message> {
        let mut reader = Reader { from, buffer: Vec::new(), used: 0 };
        let mut message = reader.head()?;
        let framing = match (message.field("transfer-encoding"), message.field("content-length")) {
            (Some(_), _) => Framing::Chunked,
            (None, Some(length)) => Framing::Length(number(length)?),
            (None, None) => Framing::None,
        };
        message.complete = reader.body(&mut message, &framing).is_ok();
        message.raw = reader.buffer;
        Ok(message)
    }

    /// Reads one reply, skipping interim ones. A connection that ends early gives a message that is not complete.
    pub fn read_reply(from: &mut impl Read, head_only: bool) -> io::Result<Message> {
        let mut reader = Reader { from, buffer: Vec::new(), used: 0 };
        let mut message = reader.head()?;
        while (100..200).contains(&message.status()) {
            message = reader.head()?;
        }
        let empty = head_only || matches!(message.status(), 204 | 304);
        let framing = match (message.field("transfer-encoding"), message.field("content-length")) {
            _ if empty => Framing::None,
            (Some(_), _) => Framing::Chunked,
            (None, Some(length)) => Framing::Length(number(length)?),
            (None, None) => Framing::UntilClose,
        };
        let ended = reader.body(&mut message, &framing);
        message.complete = ended.is_ok();
        message.raw = reader.buffer;
        Ok(message)
    }
}

struct Reader<'a, R> {
    from: &'a mut R,
    buffer: Vec<u8>,
    used: usize,
}

impl<R: Read> Reader<'_, R> {
    /// Reads one more piece; it never reads past one message when the peer waits for the answer.
    fn more(&mut self) -> io::Result<()> {
        let mut piece = [0_u8; 16 * 1024];
        match self.from.read(&mut piece)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            count => {
                self.buffer.extend_from_slice(&piece[..count]);
                Ok(())
            }
        }
    }

    fn line(&mut self) -> io::Result<String> {
        loop {
            let rest = &self.buffer[self.used..];
            if let Some(end) = rest.windows(2).position(|pair| pair == b"\r\n") {
                let line = String::from_utf8_lossy(&rest[..end]).into_owned();
                self.used += end + 2;
                return Ok(line);
            }
            self.more()?;
        }
    }

    fn head(&mut self) -> io::Result<Message> {
        let start = self.line()?;
        let mut fields = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Ok(Message { start, fields, complete: true, ..Message::default() });
            }
            let (name, value) = line.split_once(':').ok_or_else(|| invalid("a field without a colon"))?;
            fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }

    fn exactly(&mut self, count: usize) -> io::Result<Vec<u8>> {
        while self.buffer.len() - self.used < count {
            self.more()?;
        }
        let bytes = self.buffer[self.used..self.used + count].to_vec();
        self.used += count;
        Ok(bytes)
    }

    /// What arrived before a broken end stays in the message.
    fn body(&mut self, message: &mut Message, framing: &Framing) -> io::Result<()> {
        match framing {
            Framing::None => Ok(()),
            Framing::Length(length) => {
                self.exactly(*length).map(|bytes| message.body = bytes).inspect_err(|_| {
                    message.body = self.buffer[self.used..].to_vec();
                })
            }
            Framing::Chunked => self.chunks(message),
            Framing::UntilClose => {
                while self.more().is_ok() {}
                message.body = self.buffer[self.used..].to_vec();
                Ok(())
            }
        }
    }

    fn chunks(&mut self, message: &mut Message) -> io::Result<()> {
        loop {
            let line = self.line()?;
            let digits = line.split(';').next().unwrap_or_default();
            let size =
                usize::from_str_radix(digits.trim(), 16).map_err(|_| invalid("a chunk size that is none"))?;
            if size == 0 {
                while !self.line()?.is_empty() {}
                return Ok(());
            }
            let bytes = self.exactly(size)?;
            message.body.extend_from_slice(&bytes);
            if self.exactly(2)? != b"\r\n" {
                return Err(invalid("a chunk that does not end with CRLF"));
            }
        }
    }
}

fn number(text: &str) -> io::Result<usize> {
    text.parse().map_err(|_| invalid("a length that is no number"))
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
