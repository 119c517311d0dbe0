//! The table of framing cases against the codec: whole, one byte at a time, and cut in two at every place.

mod cases;

use aegis_wire::error::HttpError;
use aegis_wire::h1::{BodyDecoder, Parse, RequestParse, RequestParser};
use aegis_wire::head::RequestHead;

/// The default limit of a request's body.
const BODY_LIMIT: u64 = 64 * 1024 * 1024;

/// What became of the bytes of one connection.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Verdict {
    /// The request was read to its end at this offset.
    Accepted(usize),
    Refused(u16),
    Incomplete,
}

/// A connection that is fed pieces.
#[derive(Default)]
struct Connection {
    parser: RequestParser,
    head: RequestHead,
    parsed: Option<RequestParse>,
    body: Option<BodyDecoder>,
    seen: usize,
    done: bool,
}

impl Connection {
    /// Looks at `bytes`, the whole input so far.
    fn feed(&mut self, bytes: &[u8]) -> Result<(), HttpError> {
        if self.parsed.is_none() {
            match self.parser.parse(bytes, &mut self.head)? {
                Parse::Incomplete => return Ok(()),
                Parse::Complete(parsed) => {
                    self.body = Some(BodyDecoder::request(parsed.framing, BODY_LIMIT)?);
                    self.seen = parsed.consumed;
                    self.parsed = Some(parsed);
                }
            }
        }
        let body = self.body.as_mut().expect("set with the head");
        while self.seen < bytes.len() && !body.is_done() {
            let decoded = body.decode(&bytes[self.seen..])?;
            assert!(decoded.consumed > 0, "progress is made");
            assert!(decoded.payload.end <= decoded.consumed);
            self.seen += decoded.consumed;
        }
        self.done = body.is_done();
        Ok(())
    }

    fn verdict(&self) -> Verdict {
        if self.done { Verdict::Accepted(self.seen) } else { Verdict::Incomplete }
    }
}

/// Feeds `bytes` cut at `cuts`, until there is a verdict.
fn run(bytes: &[u8], cuts: impl Iterator<Item = usize>) -> Verdict {
    let mut connection = Connection::default();
    for end in cuts.chain([bytes.len()]) {
        match connection.feed(&bytes[..end]) {
            Err(error) => return Verdict::Refused(error.status()),
            Ok(()) if connection.done => break,
            Ok(()) => {}
        }
    }
    connection.verdict()
}

#[test]
fn the_table_is_as_large_as_promised() {
    let cases = cases::all();
    assert!(cases.iter().filter(|case| case.status.is_some()).count() >= 80);
    let mut names: Vec<&str> = cases.iter().map(|case| case.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), cases.len(), "names are unique");
}

#[test]
fn every_case_gets_its_verdict_whole() {
    for case in cases::all() {
        let expected = case.status.map_or(Verdict::Accepted(case.bytes.len()), Verdict::Refused);
        assert_eq!(run(&case.bytes, std::iter::empty()), expected, "{}", case.name);
    }
}

#[test]
fn every_case_gets_its_verdict_byte_by_byte() {
    for case in cases::all() {
        let expected = case.status.map_or(Verdict::Accepted(case.bytes.len()), Verdict::Refused);
        assert_eq!(run(&case.bytes, 1..case.bytes.len()), expected, "{}", case.name);
    }
}

#[test]
fn every_case_gets_its_verdict_cut_in_two() {
    for case in cases::all() {
        let expected = case.status.map_or(Verdict::Accepted(case.bytes.len()), Verdict::Refused);
        let step = 1 + case.bytes.len() / 500;
        for cut in (0..case.bytes.len()).step_by(step) {
            assert_eq!(run(&case.bytes, std::iter::once(cut)), expected, "{} cut at {cut}", case.name);
        }
    }
}

#[test]
fn a_pipelined_request_is_left_in_the_buffer() {
    let first = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
    let bytes = [&first[..], b"GET /second HTTP/1.1\r\nHost: a\r\n\r\n"].concat();
    assert_eq!(run(&bytes, std::iter::empty()), Verdict::Accepted(first.len()));
}
