//! Bodies: what is payload and where it ends. Malformed ones are in the table of `tests/framing.rs`.

use proptest::prelude::*;

use crate::error::HttpError;
use crate::h1::{BodyDecoder, BodyKind, LAST_CHUNK, write_chunk};

/// Payload and bytes used, with `bytes` fed in pieces of `size`.
fn decode(decoder: &mut BodyDecoder, bytes: &[u8], size: usize) -> Result<(Vec<u8>, usize), HttpError> {
    let (mut payload, mut seen, mut end) = (Vec::new(), 0, 0);
    while end < bytes.len() && !decoder.is_done() {
        end = end.saturating_add(size).min(bytes.len());
        while seen < end {
            let taken = decoder.decode(&bytes[seen..end])?;
            payload.extend_from_slice(&bytes[seen..end][taken.payload.clone()]);
            seen += taken.consumed;
            assert_eq!(taken.done, decoder.is_done());
            if taken.done {
                break;
            }
            assert!(taken.consumed > 0);
        }
    }
    assert_eq!(decoder.payload_bytes(), payload.len() as u64);
    Ok((payload, seen))
}

#[test]
fn bodies_end_where_their_framing_says() {
    let chunked = b"3\r\nabc\r\n10;x=y\r\n0123456789abcdef\r\n0\r\nX: y\r\n\r\nNEXT";
    for size in [1, 2, 3, 7, usize::MAX] {
        let run = |framing, bytes: &[u8]| {
            let mut decoder = BodyDecoder::response(framing);
            let outcome = decode(&mut decoder, bytes, size).expect("a well-formed body");
            (outcome, decoder.is_done())
        };
        assert_eq!(run(BodyKind::None, b"NEXT"), ((vec![], 0), true));
        assert_eq!(run(BodyKind::Length(0), b"NEXT"), ((vec![], 0), true));
        assert_eq!(run(BodyKind::Length(3), b"abcNEXT"), ((b"abc".to_vec(), 3), true));
        assert_eq!(run(BodyKind::Length(9), b"abc"), ((b"abc".to_vec(), 3), false));
        assert_eq!(run(BodyKind::UntilClose, b"abc"), ((b"abc".to_vec(), 3), false));
        let expected = (b"abc0123456789abcdef".to_vec(), chunked.len() - 4);
        assert_eq!(run(BodyKind::Chunked, chunked), (expected, true));
    }
}

#[test]
fn one_call_takes_the_framing_around_a_payload() {
    let mut decoder = BodyDecoder::response(BodyKind::Chunked);
    let taken = decoder.decode(b"3\r\nabc\r\n0\r\n\r\nNEXT").expect("a body");
    assert_eq!((taken.consumed, taken.payload, taken.done), (13, 3..6, true));
}

#[test]
fn an_early_end_is_an_error_unless_it_is_the_end() {
    for (framing, bytes, fine) in [
        (BodyKind::None, &b""[..], true),
        (BodyKind::UntilClose, b"abc", true),
        (BodyKind::UntilClose, b"", true),
        (BodyKind::Length(3), b"abc", true),
        (BodyKind::Length(3), b"ab", false),
        (BodyKind::Chunked, b"", false),
        (BodyKind::Chunked, b"3\r\nabc\r\n", false),
        (BodyKind::Chunked, b"0\r\n", false),
        (BodyKind::Chunked, b"0\r\n\r", false),
        (BodyKind::Chunked, b"0\r\n\r\n", true),
    ] {
        let mut decoder = BodyDecoder::response(framing);
        decode(&mut decoder, bytes, usize::MAX).expect("a part of a body");
        assert_eq!(decoder.end_of_input().map_err(|e| e.status()), if fine { Ok(()) } else { Err(502) });
        assert_eq!(decoder.is_done(), fine);
    }
}

#[test]
fn a_request_body_is_limited_at_the_byte() {
    assert!(BodyDecoder::request(BodyKind::Length(100), 100).is_ok());
    assert_eq!(BodyDecoder::request(BodyKind::Length(101), 100).map_err(|e| e.status()).err(), Some(413));
    for (sizes, status) in [(&[60, 40][..], None), (&[60, 41], Some(413)), (&[101], Some(413))] {
        let mut body = Vec::new();
        for &size in sizes {
            write_chunk(&vec![b'x'; size], &mut body);
        }
        body.extend_from_slice(LAST_CHUNK);
        let mut decoder = BodyDecoder::request(BodyKind::Chunked, 100).expect("a decoder");
        let outcome = decode(&mut decoder, &body, 7).map_err(|e| e.status()).err();
        assert_eq!(outcome, status, "{sizes:?}");
    }
}

#[test]
fn a_bad_reply_body_is_a_502() {
    for body in ["x\r\n", "3\r\nabcd\r\n", "ffffffffffffffff0\r\n", "3\nabc\r\n", "0\r\n x: y\r\n\r\n"] {
        let mut decoder = BodyDecoder::response(BodyKind::Chunked);
        assert_eq!(
            decode(&mut decoder, body.as_bytes(), 1).map_err(|e| e.status()).err(),
            Some(502),
            "{body:?}"
        );
    }
    // Two chunks that together are longer than can be counted.
    let mut decoder = BodyDecoder::response(BodyKind::Chunked);
    let outcome = decode(&mut decoder, b"1\r\nx\r\nffffffffffffffff\r\n", usize::MAX);
    assert_eq!(outcome.map_err(|e| e.status()).err(), Some(502));
}

#[test]
fn a_long_stream_of_small_chunks_with_small_extensions_is_fine() {
    let body = "1;x=12345\r\ny\r\n".repeat(10_000) + "0\r\n\r\n";
    let mut decoder = BodyDecoder::response(BodyKind::Chunked);
    let (payload, _) = decode(&mut decoder, body.as_bytes(), usize::MAX).expect("a body");
    assert_eq!(payload.len(), 10_000);
}

proptest! {
    #[test]
    fn what_is_chunked_is_unchunked(
        chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..8),
        size in 1_usize..50,
    ) {
        let mut body = Vec::new();
        for chunk in &chunks {
            write_chunk(chunk, &mut body);
        }
        body.extend_from_slice(LAST_CHUNK);
        let len = body.len();
        body.extend_from_slice(b"NEXT");
        let mut decoder = BodyDecoder::response(BodyKind::Chunked);
        let (payload, seen) = decode(&mut decoder, &body, size).expect("a well-formed body");
        prop_assert!(decoder.is_done());
        prop_assert_eq!((payload, seen), (chunks.concat(), len));
    }

    #[test]
    fn the_verdict_does_not_depend_on_the_cut(
        pieces in prop::collection::vec(
            prop::sample::select(vec!["5\r\n", "hello", "\r\n", "0\r\n", ";a=b", "X: y\r\n", "\n", "a", " "]),
            0..20,
        ),
        size in 1_usize..10,
    ) {
        let body = pieces.concat();
        let run = |size| {
            let mut decoder = BodyDecoder::request(BodyKind::Chunked, 100).expect("a decoder");
            decode(&mut decoder, body.as_bytes(), size).map_err(|error| error.status())
        };
        prop_assert_eq!(run(size), run(usize::MAX));
    }
}
