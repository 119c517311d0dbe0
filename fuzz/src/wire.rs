//! The machines of `aegis-wire`: what comes in pieces gets the same verdict as what comes whole, what is written is
//! read again as the same, and no limit is exceeded.

use aegis_wire::coding::{Coding, CodingError, Decoder, DecoderLimits};
use aegis_wire::h1::{
    BodyDecoder, BodyKind, LAST_CHUNK, Parse, Peer, RequestParse, RequestParser, ResponseParse,
    ResponseParser, ResponseVerdict, write_chunk, write_request, write_response,
};
use aegis_wire::head::{Method, RequestHead, ResponseHead, Version};
use aegis_wire::target::{RequestTarget, rebase};

/// The limit of a chunked body.
const BODY_LIMIT: u64 = 4096;

/// The limits of a coded body, low enough to be reached.
const LIMITS: DecoderLimits = DecoderLimits { output: 64 << 10, ratio: 50, ratio_floor: 4 << 10 };

/// The first byte of an input chooses how the rest is used.
fn choice(data: &[u8]) -> (u8, &[u8]) {
    data.split_first().map_or((0, data), |(&first, rest)| (first, rest))
}

/// Heads of requests and replies.
pub fn head(data: &[u8]) {
    let (choice, data) = choice(data);
    let size = 1 + usize::from(choice >> 1) % 16;
    if choice & 1 == 0 {
        request(data, size);
    } else {
        let method = if choice & 2 == 0 { Method::Get } else { Method::Head };
        response(data, size, method);
    }
}

fn request(data: &[u8], size: usize) {
    let (whole, parsed) = read_request(data, data.len().max(1));
    let (pieces, parsed_of_pieces) = read_request(data, size);
    assert_eq!(whole, pieces, "the verdict depends on the cut");
    let Ok(Some(parse)) = whole else { return };
    assert_eq!(parsed, parsed_of_pieces, "the head depends on the cut");
    assert!(parse.consumed <= data.len());
    target(&parsed.path);
    let sent = RequestHead { version: Version::Http11, authority: "upstream.test".to_owned(), ..parsed };
    let mut out = Vec::new();
    let framing =
        write_request(&sent, parse.framing.length(), &mut out).expect("a parsed head can be written");
    assert_eq!(framing, parse.framing);
    let len = out.len();
    out.extend_from_slice(b"GET / HTTP/1.1\r\n");
    let (again, received) = read_request(&out, out.len());
    let again = again.expect("what was written is well formed").expect("what was written is complete");
    assert_eq!(
        (again.consumed, again.framing, received),
        (len, parse.framing, sent),
        "written and read differ"
    );
}

/// What is accepted stays below the base path it is put behind, however a later reader understands it.
fn target(path: &str) {
    let Ok(parsed) = RequestTarget::parse(path) else { return };
    for named in [Some(0), parsed.behind_first().ok()].into_iter().flatten() {
        for base in ["", "/base", "/base/v1"] {
            let mut joined = path.to_owned();
            rebase(&mut joined, named, base);
            assert!(joined.starts_with('/') && !joined.starts_with("//"), "a network address: {joined}");
            for read in readings(joined.split('?').next().unwrap_or_default()) {
                let below = read.strip_prefix(base.as_bytes());
                let below = below.is_some_and(|rest| rest.is_empty() || rest[0] == b'/');
                assert!(below, "{joined} leaves {base} when read as {}", String::from_utf8_lossy(&read));
            }
        }
    }
}

/// A path as readers take it: decoded up to three times, a backslash as a slash, cut at NUL, without parameters and
/// spaces, and then without dot segments (RFC 3986 section 5.2.4).
fn readings(path: &str) -> Vec<Vec<u8>> {
    let mut readings = Vec::new();
    let mut bytes = path.as_bytes().to_vec();
    for _ in 0..4 {
        let cut = bytes.split(|&byte| byte == 0).next().unwrap_or_default().to_vec();
        readings.push(without_dots(&cut, &[]));
        readings.push(without_dots(&cut, b";?#"));
        bytes = decoded(&bytes);
    }
    readings
}

fn without_dots(path: &[u8], ends: &[u8]) -> Vec<u8> {
    let mut kept: Vec<&[u8]> = Vec::new();
    for segment in path.split(|byte| matches!(byte, b'/' | b'\\')).skip(1) {
        let end = segment.iter().position(|byte| ends.contains(byte)).unwrap_or(segment.len());
        match segment[..end].trim_ascii() {
            b"." => {}
            b".." => drop(kept.pop()),
            other => kept.push(other),
        }
    }
    kept.iter().flat_map(|segment| [b"/", *segment].concat()).collect()
}

fn decoded(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = bytes;
    while let [byte, tail @ ..] = rest {
        let digits = tail.get(..2).filter(|_| *byte == b'%').and_then(|two| std::str::from_utf8(two).ok());
        let value = digits.filter(|two| two.bytes().all(|digit| digit.is_ascii_hexdigit()));
        if let Some(value) = value.and_then(|two| u8::from_str_radix(two, 16).ok()) {
            out.push(value);
            rest = &tail[2..];
        } else {
            out.push(*byte);
            rest = tail;
        }
    }
    out
}

fn read_request(data: &[u8], size: usize) -> (Result<Option<RequestParse>, u16>, RequestHead) {
    let (mut parser, mut head) = (RequestParser::new(), RequestHead::new());
    let mut end = 0;
    loop {
        end = (end + size).min(data.len());
        match parser.parse(&data[..end], &mut head) {
            Ok(Parse::Complete(parse)) => return (Ok(Some(parse)), head),
            Ok(Parse::Incomplete) if end == data.len() => return (Ok(None), head),
            Ok(Parse::Incomplete) => {}
            Err(error) => return (Err(error.status()), head),
        }
    }
}

fn response(data: &[u8], size: usize, method: Method) {
    let (whole, parsed) = read_response(data, data.len().max(1), method);
    let (pieces, parsed_of_pieces) = read_response(data, size, method);
    assert_eq!(whole, pieces, "the verdict depends on the cut");
    let Ok(Some(parse)) = whole else { return };
    assert_eq!(parsed, parsed_of_pieces, "the head depends on the cut");
    assert!((200..=599).contains(&parsed.status) && parse.consumed <= data.len());
    let mut out = Vec::new();
    let peer = Peer { version: Version::Http11, keep_alive: true };
    let framing = write_response(&parsed, parse.framing.length(), peer, &mut out);
    let (again, received) = read_response(&out, out.len(), method);
    let again = again.expect("what was written is well formed").expect("what was written is complete");
    let sent = ResponseHead { version: Version::Http11, ..parsed };
    assert_eq!(
        (again.consumed, again.framing, received),
        (out.len(), framing, sent),
        "written and read differ"
    );
}

fn read_response(
    data: &[u8],
    size: usize,
    method: Method,
) -> (Result<Option<ResponseParse>, u16>, ResponseHead) {
    let (mut parser, mut head) = (ResponseParser::new(), ResponseHead::new());
    let mut end = 0;
    loop {
        end = (end + size).min(data.len());
        match parser.parse(&data[..end], method, &mut head) {
            Ok(ResponseVerdict::Complete(parse)) => return (Ok(Some(parse)), head),
            Ok(ResponseVerdict::Incomplete) if end == data.len() => return (Ok(None), head),
            Ok(ResponseVerdict::Incomplete) => {}
            Err(error) => return (Err(error.status()), head),
        }
    }
}

/// Chunked bodies.
pub fn chunked(data: &[u8]) {
    let (choice, data) = choice(data);
    let whole = read_chunked(data, data.len().max(1));
    let pieces = read_chunked(data, 1 + usize::from(choice) % 32);
    assert_eq!(whole, pieces, "the verdict depends on the cut");
    let Ok((payload, seen, _)) = whole else { return };
    assert!(payload.len() as u64 <= BODY_LIMIT && seen <= data.len());
    let mut out = Vec::new();
    payload.chunks(1 + usize::from(choice)).for_each(|piece| write_chunk(piece, &mut out));
    out.extend_from_slice(LAST_CHUNK);
    let len = out.len();
    assert_eq!(read_chunked(&out, out.len()), Ok((payload, len, true)), "written and read differ");
}

/// Payload, bytes used, whether the body ended; or the status of the error.
fn read_chunked(data: &[u8], size: usize) -> Result<(Vec<u8>, usize, bool), u16> {
    let mut decoder = BodyDecoder::request(BodyKind::Chunked, BODY_LIMIT).map_err(|error| error.status())?;
    let (mut payload, mut seen, mut end) = (Vec::new(), 0, 0);
    while !decoder.is_done() && end < data.len() {
        end = (end + size).min(data.len());
        while seen < end && !decoder.is_done() {
            let piece = &data[seen..end];
            let taken = decoder.decode(piece).map_err(|error| error.status())?;
            assert!(taken.consumed > 0 && taken.payload.end <= taken.consumed);
            payload.extend_from_slice(&piece[taken.payload]);
            seen += taken.consumed;
        }
    }
    assert_eq!(decoder.end_of_input().is_ok(), decoder.is_done());
    Ok((payload, seen, decoder.is_done()))
}

/// Content codings, alone and stacked.
pub fn coding(data: &[u8]) {
    const ALL: [Coding; 4] = [Coding::Gzip, Coding::Deflate, Coding::Brotli, Coding::Zstd];
    let (choice, data) = choice(data);
    let (first, second) = (ALL[usize::from(choice & 3)], ALL[usize::from(choice >> 2 & 3)]);
    let codings = if choice & 16 == 0 { &[first][..] } else { &[first, second] };
    let whole = decode(codings, data, data.len().max(1), usize::MAX);
    let pieces = decode(codings, data, 1 + usize::from(choice >> 5), 1000);
    // The ratio is checked at every step, and how many steps there are depends on the cut.
    if whole != Err(CodingError::Ratio) && pieces != Err(CodingError::Ratio) {
        assert_eq!(whole.as_ref().ok(), pieces.as_ref().ok(), "the verdict depends on the cut");
    }
}

fn decode(codings: &[Coding], data: &[u8], size: usize, room: usize) -> Result<Vec<u8>, CodingError> {
    let mut decoder = Decoder::new(codings, LIMITS)?;
    let mut out = Vec::new();
    for mut piece in data.chunks(size) {
        loop {
            let before = out.len();
            let outcome = decoder.decode(piece, &mut out, room);
            assert!(out.len() as u64 <= LIMITS.output && out.len() - before <= room, "a limit is exceeded");
            let progress = outcome?;
            piece = &piece[progress.consumed..];
            if progress.done {
                break;
            }
            assert!(progress.consumed > 0 || out.len() > before, "no progress is made");
        }
        assert!(piece.is_empty());
    }
    decoder.finish()?;
    Ok(out)
}
