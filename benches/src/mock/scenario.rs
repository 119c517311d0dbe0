//! What a reply should do, asked for per request in the header `x-mock-scenario`, so that the mock keeps no
//! state between requests and parallel tests do not disturb each other.

use std::time::Duration;

/// Most characters a padded reply may have; keeps a mistyped `size=` from eating the machine.
pub const MAX_REPLY_SIZE: usize = 256 * 1024 * 1024;

/// The list shown by `--help` and in the README.
pub const HELP: &str = "\
Scenarios: header `x-mock-scenario: key=value,key=value` (values percent-decoded) or a JSON object.
A key without a value means 1. Without the header the reply is the last user message's text.

 What is said
  reply=TEXT       this text; {echo} = the prompt's text, {tokens} = all AEGIS tokens seen, {t0} = the first of them
  reply_tokens     same as reply={tokens}
  echo=last|all    the last user message (default), or every string of the prompt
  repeat=N         says it N times
  case=lower|upper changes the reply's case          truncate=N       keeps the first N characters only
  size=N           pads the reply to N bytes         events=N         exactly N text deltas (padded if too short)
  tool=1, tools=N  N tool calls, arguments {\"command\": TEXT, \"call\": i}
  nested=N         wraps the arguments N times as a JSON document in a string
  custom=1         Responses: custom (freeform) tool calls instead of function calls
  interleave=0     parallel calls one after the other (default: deltas interleaved)
  text=0           no text, tool calls only          thinking=1       thinking before the answer; 2: also redacted
  stop=REASON      finish reason to report           escape=all|ascii JSON strings with \\uXXXX for everything | non-ASCII

 How it is cut
  chunk=N          characters a delta event (default 8)
  segment=N        bytes a TCP write; segment_ms=N waits between them
  http_chunk=N     bytes an HTTP chunk (default: one chunk an event)
  framing=length|chunked|close                       default: length for whole replies, chunked for streams
  eol=lf|crlf|cr   SSE line ending                   split_data=1     one event over several data: lines
  ping=N           a ping after every N events       comment=1        a comment line before every event
  encoding=gzip|deflate|br|zstd                      stacked with +: gzip+br
  no_content_type=1

 When, and what goes wrong
  first_delay_ms=N, delay_ms=N (between events)
  error_at=N       the provider's error event after N events
  reset_at=N       TCP reset after N body bytes      close_at=N       orderly close after N body bytes
  status=N         an error reply in the provider's shape (reply=TEXT is its message)
  early=1          answers before the request body has been read
  slow_read=N      reads the request body at N bytes a second
  keepalive=0      closes after the reply            info=103         sends an informational response first
  record=0         not recorded
  quirk=NAME       a malformed reply: see the README";

/// How strings in the reply's JSON are escaped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Escape {
    /// Only what JSON demands.
    #[default]
    Minimal,
    /// `\uXXXX` for all that is not ASCII.
    Ascii,
    /// `\uXXXX` for every character.
    All,
}

/// How the reply's body is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyFraming {
    /// `Content-Length`.
    Length,
    /// `Transfer-Encoding: chunked`.
    Chunked,
    /// Ends with the connection.
    Close,
}

/// One request's scenario. Fields are named as in [`HELP`].
#[expect(clippy::struct_excessive_bools, reason = "each is one independent switch of the list above")]
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Reply template; `None` echoes.
    pub reply: Option<String>,
    /// Echo every string of the prompt, not only the last user message.
    pub echo_all: bool,
    /// `Some(true)` upper-cases, `Some(false)` lower-cases the reply.
    pub upper: Option<bool>,
    /// Times the reply's text is said.
    pub repeat: usize,
    /// Keeps this many characters of the reply.
    pub truncate: Option<usize>,
    /// Pads the reply to this many bytes.
    pub size: Option<usize>,
    /// Exactly this many text deltas.
    pub events: Option<usize>,
    /// Number of tool calls.
    pub tools: usize,
    /// Depth of JSON-in-string wrapping of tool arguments.
    pub nested: usize,
    /// Freeform tool calls (Responses API).
    pub custom: bool,
    /// Deltas of parallel calls interleaved.
    pub interleave: bool,
    /// Whether the reply has text.
    pub text: bool,
    /// 0 none, 1 thinking, 2 thinking and a redacted block.
    pub thinking: usize,
    /// Finish reason reported instead of the natural one.
    pub stop: Option<String>,
    /// Escaping of reply strings.
    pub escape: Escape,
    /// Characters a delta.
    pub chunk: usize,
    /// Bytes a TCP write.
    pub segment: Option<usize>,
    /// Wait between TCP writes.
    pub segment_wait: Duration,
    /// Bytes an HTTP chunk.
    pub http_chunk: Option<usize>,
    /// Body framing, if not the natural one.
    pub framing: Option<ReplyFraming>,
    /// SSE line ending.
    pub eol: &'static str,
    /// One event over several `data:` lines.
    pub split_data: bool,
    /// A ping after every so many events.
    pub ping: Option<usize>,
    /// A comment line before every event.
    pub comment: bool,
    /// Content codings, in the order applied.
    pub encoding: Vec<String>,
    /// Leaves `Content-Type` out.
    pub no_content_type: bool,
    /// Wait before the first body byte.
    pub first_delay: Duration,
    /// Wait between events.
    pub delay: Duration,
    /// Error event after so many events.
    pub error_at: Option<usize>,
    /// TCP reset after so many body bytes.
    pub reset_at: Option<usize>,
    /// Orderly close after so many body bytes.
    pub close_at: Option<usize>,
    /// Error status.
    pub status: Option<u16>,
    /// Answers before the request body.
    pub early: bool,
    /// Bytes a second at which the request body is read.
    pub slow_read: Option<usize>,
    /// Keeps the connection after the reply.
    pub keepalive: bool,
    /// Informational response sent first.
    pub info: Option<u16>,
    /// Records this request.
    pub record: bool,
    /// Malformed reply.
    pub quirk: Option<String>,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            reply: None,
            echo_all: false,
            upper: None,
            repeat: 1,
            truncate: None,
            size: None,
            events: None,
            tools: 0,
            nested: 0,
            custom: false,
            interleave: true,
            text: true,
            thinking: 0,
            stop: None,
            escape: Escape::Minimal,
            chunk: 8,
            segment: None,
            segment_wait: Duration::ZERO,
            http_chunk: None,
            framing: None,
            eol: "\n",
            split_data: false,
            ping: None,
            comment: false,
            encoding: Vec::new(),
            no_content_type: false,
            first_delay: Duration::ZERO,
            delay: Duration::ZERO,
            error_at: None,
            reset_at: None,
            close_at: None,
            status: None,
            early: false,
            slow_read: None,
            keepalive: true,
            info: None,
            record: true,
            quirk: None,
        }
    }
}

impl Scenario {
    /// Applies a header value (a `k=v` list, or a JSON object) on top of `self`.
    /// An unknown key or value is an error, so that a mistyped test fails instead of testing nothing.
    pub fn apply(&mut self, text: &str) -> Result<(), String> {
        let text = text.trim();
        if text.starts_with('{') {
            let map: serde_json::Map<String, serde_json::Value> =
                serde_json::from_str(text).map_err(|e| format!("x-mock-scenario: {e}"))?;
            for (key, value) in map {
                let value = match value {
                    serde_json::Value::String(s) => s,
                    serde_json::Value::Bool(b) => u8::from(b).to_string(),
                    other => other.to_string(),
                };
                self.set(&key, &value)?;
            }
            return Ok(());
        }
        for pair in text.split(',').map(str::trim).filter(|p| !p.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, "1"));
            self.set(key.trim(), &percent_decode(value.trim()))?;
        }
        Ok(())
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        let bad = || format!("x-mock-scenario: {key}={value} is not understood");
        let number = || value.parse::<usize>().map_err(|_| bad());
        let switch = || match value {
            "1" | "true" => Ok(true),
            "0" | "false" => Ok(false),
            _ => Err(bad()),
        };
        match key {
            "reply" => self.reply = Some(value.to_owned()),
            "reply_tokens" => self.reply = switch()?.then(|| "{tokens}".to_owned()),
            "tool" | "tools" => self.tools = number()?,
            "nested" => self.nested = number()?,
            "custom" => self.custom = switch()?,
            "interleave" => self.interleave = switch()?,
            "text" => self.text = switch()?,
            "thinking" => self.thinking = number()?,
            "stop" => self.stop = Some(value.to_owned()),
            "repeat" => self.repeat = number()?.clamp(1, 1_000_000),
            "truncate" => self.truncate = Some(number()?),
            "size" => self.size = Some(number()?.min(MAX_REPLY_SIZE)),
            "events" => self.events = Some(number()?.max(1)),
            "echo" => self.echo_all = one_of(value, &[("last", false), ("all", true)]).ok_or_else(bad)?,
            "case" => self.upper = Some(one_of(value, &[("lower", false), ("upper", true)]).ok_or_else(bad)?),
            "escape" => {
                let known = [("minimal", Escape::Minimal), ("ascii", Escape::Ascii), ("all", Escape::All)];
                self.escape = one_of(value, &known).ok_or_else(bad)?;
            }
            "status" => self.status = Some(value.parse().map_err(|_| bad())?),
            "info" => self.info = Some(value.parse().map_err(|_| bad())?),
            "early" => self.early = switch()?,
            "slow_read" => self.slow_read = Some(number()?.max(1)),
            "keepalive" => self.keepalive = switch()?,
            "record" => self.record = switch()?,
            "quirk" => self.quirk = Some(value.to_owned()),
            _ => return self.set_cutting(key, value),
        }
        Ok(())
    }

    /// The keys that say how and when the bytes go out.
    fn set_cutting(&mut self, key: &str, value: &str) -> Result<(), String> {
        let bad = || format!("x-mock-scenario: {key}={value} is not understood");
        let number = || value.parse::<usize>().map_err(|_| bad());
        let millis = || value.parse().map(Duration::from_millis).map_err(|_| bad());
        let switch = || one_of(value, &[("1", true), ("true", true), ("0", false), ("false", false)]);
        match key {
            "chunk" => self.chunk = number()?.max(1),
            "segment" => self.segment = Some(number()?.max(1)),
            "segment_ms" => self.segment_wait = millis()?,
            "http_chunk" => self.http_chunk = Some(number()?.max(1)),
            "framing" => {
                let known = [
                    ("length", ReplyFraming::Length),
                    ("chunked", ReplyFraming::Chunked),
                    ("close", ReplyFraming::Close),
                ];
                self.framing = Some(one_of(value, &known).ok_or_else(bad)?);
            }
            "eol" => {
                self.eol = one_of(value, &[("lf", "\n"), ("crlf", "\r\n"), ("cr", "\r")]).ok_or_else(bad)?;
            }
            "crlf" => self.eol = if switch().ok_or_else(bad)? { "\r\n" } else { "\n" },
            "split_data" => self.split_data = switch().ok_or_else(bad)?,
            "ping" => self.ping = Some(number()?.max(1)),
            "comment" => self.comment = switch().ok_or_else(bad)?,
            "encoding" => self.encoding = value.split('+').map(|c| c.trim().to_ascii_lowercase()).collect(),
            "no_content_type" => self.no_content_type = switch().ok_or_else(bad)?,
            "first_delay_ms" => self.first_delay = millis()?,
            "delay_ms" => self.delay = millis()?,
            "error_at" => self.error_at = Some(number()?),
            "reset_at" => self.reset_at = Some(number()?),
            "close_at" => self.close_at = Some(number()?),
            _ => return Err(format!("x-mock-scenario: unknown key {key}")),
        }
        Ok(())
    }
}

fn one_of<T: Copy>(value: &str, known: &[(&str, T)]) -> Option<T> {
    known.iter().find(|(name, _)| *name == value).map(|(_, v)| *v)
}

/// RFC 3986 percent-decoding; what is not valid stays as written.
pub fn percent_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes.get(at + 1..at + 3).and_then(|h| std::str::from_utf8(h).ok());
        match hex.and_then(|h| u8::from_str_radix(h, 16).ok()) {
            Some(byte) if bytes[at] == b'%' => {
                out.push(byte);
                at += 3;
            }
            _ => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_json_mean_the_same() {
        let (mut a, mut b) = (Scenario::default(), Scenario::default());
        a.apply("chunk=1, segment=7,eol=crlf,reply=a%2Cb%20c,tool,delay_ms=5").unwrap();
        b.apply(r#"{"chunk":1,"segment":7,"eol":"crlf","reply":"a,b c","tool":true,"delay_ms":5}"#).unwrap();
        assert_eq!(format!("{a:?}"), format!("{b:?}"));
        assert_eq!((a.chunk, a.segment, a.eol, a.tools), (1, Some(7), "\r\n", 1));
        assert_eq!(a.reply.as_deref(), Some("a,b c"));
    }

    #[test]
    fn unknown_keys_and_values_are_errors() {
        for wrong in ["chunks=1", "chunk=x", "eol=lfcr", "tool=yes", "{\"a\":", "escape=some"] {
            assert!(Scenario::default().apply(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_key_of_the_help_is_known() {
        for key in ["first_delay_ms", "error_at", "reset_at", "close_at", "status", "slow_read", "truncate"] {
            assert!(HELP.contains(key) && Scenario::default().apply(&format!("{key}=200")).is_ok(), "{key}");
        }
    }
}
