//! A reply as the mock makes it, before framing and coding: events, status, fields, body.

/// One server-sent event before it is written out.
#[derive(Clone, Debug)]
pub struct StreamEvent {
    /// `event:` field, where the API has one.
    pub name: Option<&'static str>,
    /// `data:` field, one line of JSON (or `[DONE]`).
    pub data: String,
}

impl StreamEvent {
    /// An event without a name, as OpenAI's chat API and Gemini send them.
    pub fn bare(data: impl Into<String>) -> Self {
        Self { name: None, data: data.into() }
    }

    /// A named event.
    pub fn named(name: &'static str, data: impl Into<String>) -> Self {
        Self { name: Some(name), data: data.into() }
    }
}

/// A reply before framing and coding.
#[derive(Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// `Content-Type`.
    pub content_type: String,
    /// Further fields, each `name: value`.
    pub fields: Vec<String>,
    /// The body.
    pub body: Body,
}

/// A reply's body.
#[derive(Debug)]
pub enum Body {
    /// Sent at once.
    Whole(Vec<u8>),
    /// Sent piece by piece with the scenario's delays.
    Stream(Vec<Vec<u8>>),
}

impl Reply {
    /// A JSON reply with status 200.
    pub fn json(body: impl Into<Vec<u8>>) -> Self {
        Self {
            status: 200,
            content_type: "application/json".to_owned(),
            fields: Vec::new(),
            body: Body::Whole(body.into()),
        }
    }

    /// A stream of server-sent events, one piece an event.
    pub fn events(pieces: Vec<Vec<u8>>) -> Self {
        Self {
            status: 200,
            content_type: "text/event-stream; charset=utf-8".to_owned(),
            fields: vec!["cache-control: no-cache".to_owned()],
            body: Body::Stream(pieces),
        }
    }

    /// The whole body, for records.
    pub fn bytes(&self) -> Vec<u8> {
        match &self.body {
            Body::Whole(bytes) => bytes.clone(),
            Body::Stream(pieces) => pieces.concat(),
        }
    }
}
