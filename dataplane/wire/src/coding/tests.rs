//! Every coding, at every cut, in every stack; what is broken, cut or grows too much.

use std::io::Write;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use proptest::prelude::*;

use super::{Coding, CodingError, Decoder, DecoderLimits, MAX_STEP, parse};

const ALL: [Coding; 4] = [Coding::Gzip, Coding::Deflate, Coding::Brotli, Coding::Zstd];

const NO_LIMITS: DecoderLimits = DecoderLimits { output: u64::MAX, ratio: u64::MAX, ratio_floor: 0 };

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).expect("encoding");
    encoder.finish().expect("encoding")
}

fn zlib(data: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).expect("encoding");
    encoder.finish().expect("encoding")
}

fn bare_deflate(data: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).expect("encoding");
    encoder.finish().expect("encoding")
}

fn brotli(data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = brotli::CompressorWriter::new(&mut out, 4096, 5, 22);
    encoder.write_all(data).expect("encoding");
    drop(encoder);
    out
}

fn zstd(data: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(data, 3).expect("encoding")
}

fn encode(coding: Coding, data: &[u8]) -> Vec<u8> {
    match coding {
        Coding::Gzip => gzip(data),
        Coding::Deflate => zlib(data),
        Coding::Brotli => brotli(data),
        Coding::Zstd => zstd(data),
    }
}

/// Text that compresses, though not to nothing.
fn text(len: usize) -> Vec<u8> {
    let mut state = 7u32;
    let words = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        format!("word{} ", state >> 20)
    });
    words.flat_map(String::into_bytes).take(len).collect()
}

/// Feeds one piece, in steps of at most `room`, checking what each call promises.
fn feed(decoder: &mut Decoder, mut piece: &[u8], room: usize, out: &mut Vec<u8>) -> Result<(), CodingError> {
    loop {
        let before = out.len();
        let progress = decoder.decode(piece, out, room)?;
        assert!(out.len() - before <= room, "no more than there is room for");
        piece = &piece[progress.consumed..];
        if progress.done {
            assert!(piece.is_empty());
            return Ok(());
        }
        assert!(progress.consumed > 0 || out.len() > before, "progress is made");
    }
}

fn decode_pieces<'a>(
    codings: &[Coding],
    limits: DecoderLimits,
    pieces: impl IntoIterator<Item = &'a [u8]>,
    room: usize,
) -> Result<Vec<u8>, CodingError> {
    let mut decoder = Decoder::new(codings, limits)?;
    let mut out = Vec::new();
    for piece in pieces {
        feed(&mut decoder, piece, room, &mut out)?;
    }
    decoder.finish()?;
    assert_eq!(decoder.produced(), out.len() as u64);
    Ok(out)
}

fn decode(codings: &[Coding], body: &[u8]) -> Result<Vec<u8>, CodingError> {
    decode_pieces(codings, NO_LIMITS, [body], MAX_STEP)
}

#[test]
fn codings_are_read_from_the_fields() {
    let read = |values: &[&str]| parse(values.iter().map(|value| value.as_bytes()));
    assert_eq!(read(&[]), Ok(vec![]));
    assert_eq!(read(&["identity"]), Ok(vec![]));
    assert_eq!(read(&["", " , "]), Ok(vec![]));
    assert_eq!(read(&["GZip"]), Ok(vec![Coding::Gzip]));
    assert_eq!(read(&["x-gzip"]), Ok(vec![Coding::Gzip]));
    assert_eq!(read(&["deflate, identity ,BR"]), Ok(vec![Coding::Deflate, Coding::Brotli]));
    assert_eq!(read(&["gzip", "zstd"]), Ok(vec![Coding::Gzip, Coding::Zstd]));
    for unknown in ["compress", "gzip;q=1", "lz4", "gzip br", "aes128gcm", "dcb"] {
        assert_eq!(read(&[unknown]), Err(CodingError::Unknown), "{unknown}");
    }
    assert_eq!(read(&["gzip, gzip, gzip"]), Err(CodingError::TooMany));
    assert_eq!(CodingError::Unknown.status(), 415);
    assert_eq!(CodingError::Output.status(), 413);
    assert_eq!(CodingError::Truncated(Coding::Gzip).status(), 400);
}

#[test]
fn every_coding_survives_every_cut() {
    let data = text(3_000);
    for coding in ALL {
        let body = encode(coding, &data);
        for cut in 0..=body.len() {
            let (first, second) = body.split_at(cut);
            let decoded = decode_pieces(&[coding], NO_LIMITS, [first, second], MAX_STEP);
            assert_eq!(decoded.as_deref(), Ok(&data[..]), "{coding:?} cut at {cut}");
        }
        for room in [1, 2, 100] {
            let decoded = decode_pieces(&[coding], NO_LIMITS, body.chunks(1), room);
            assert_eq!(decoded.as_deref(), Ok(&data[..]), "{coding:?} byte by byte, room {room}");
        }
    }
}

#[test]
fn large_bodies_come_out_whole() {
    let data = text(700_000);
    for coding in ALL {
        for (size, room) in [(usize::MAX, MAX_STEP), (4_096, 1_000), (100, 16_384)] {
            let body = encode(coding, &data);
            let decoded = decode_pieces(&[coding], NO_LIMITS, body.chunks(size), room);
            assert!(decoded.as_deref() == Ok(&data[..]), "{coding:?} in pieces of {size}, room {room}");
        }
    }
}

#[test]
fn stacked_codings_are_taken_off_in_reverse() {
    let data = text(2_000);
    for first in ALL {
        for second in ALL {
            let body = encode(second, &encode(first, &data));
            let decoded = decode_pieces(&[first, second], NO_LIMITS, body.chunks(1), 7);
            assert_eq!(decoded.as_deref(), Ok(&data[..]), "{first:?}, {second:?}");
            assert_eq!(decode(&[first, second], &body).as_deref(), Ok(&data[..]), "{first:?}, {second:?}");
        }
    }
    assert_eq!(Decoder::new(&[Coding::Gzip; 3], NO_LIMITS).err(), Some(CodingError::TooMany));
}

/// The beginning of a coded body that is flushed after each event, as servers do with a stream.
fn flushed(coding: Coding, events: &[&[u8]]) -> Vec<Vec<u8>> {
    fn each<W: Write>(mut encoder: W, events: &[&[u8]], written: impl Fn(&W) -> &Vec<u8>) -> Vec<Vec<u8>> {
        let mut seen = 0;
        let event = |event: &&[u8]| {
            encoder.write_all(event).and_then(|()| encoder.flush()).expect("encoding");
            let all = written(&encoder);
            let new = all[seen..].to_vec();
            seen = all.len();
            new
        };
        events.iter().map(event).collect()
    }
    let level = Compression::default();
    match coding {
        Coding::Gzip => each(GzEncoder::new(Vec::new(), level), events, GzEncoder::get_ref),
        Coding::Deflate => each(ZlibEncoder::new(Vec::new(), level), events, ZlibEncoder::get_ref),
        Coding::Brotli => each(
            brotli::CompressorWriter::new(Vec::new(), 4096, 5, 22),
            events,
            brotli::CompressorWriter::get_ref,
        ),
        Coding::Zstd => {
            let encoder = zstd::stream::write::Encoder::new(Vec::new(), 3).expect("an encoder");
            each(encoder, events, zstd::stream::write::Encoder::get_ref)
        }
    }
}

#[test]
fn what_was_flushed_comes_out_at_once() {
    let events = [&b"data: first\n\n"[..], b"data: {}\n\n", &text(1_000), b"data: [DONE]\n\n"];
    for coding in ALL {
        let mut decoder = Decoder::new(&[coding], NO_LIMITS).expect("a decoder");
        for (event, piece) in events.iter().zip(flushed(coding, &events)) {
            let mut out = Vec::new();
            feed(&mut decoder, &piece, MAX_STEP, &mut out).expect("a part of a body");
            assert_eq!(out, *event, "{coding:?}");
        }
        assert_eq!(decoder.finish(), Err(CodingError::Truncated(coding)));
    }
}

#[test]
fn without_a_coding_the_body_is_copied() {
    let data = text(5_000);
    assert_eq!(decode_pieces(&[], NO_LIMITS, data.chunks(33), 10).as_deref(), Ok(&data[..]));
    let limits = DecoderLimits { output: 4_999, ..NO_LIMITS };
    assert_eq!(decode_pieces(&[], limits, data.chunks(33), 10), Err(CodingError::Output));
}

#[test]
fn deflate_may_come_without_its_wrapper() {
    for len in [0, 1, 2, 100, 3_000] {
        let data = text(len);
        let body = bare_deflate(&data);
        for cut in 0..=body.len() {
            let (first, second) = body.split_at(cut);
            let decoded = decode_pieces(&[Coding::Deflate], NO_LIMITS, [first, second], 50);
            assert_eq!(decoded.as_deref(), Ok(&data[..]), "{len} bytes cut at {cut}");
        }
    }
}

#[test]
fn several_members_and_frames_are_one_body() {
    for coding in [Coding::Gzip, Coding::Zstd] {
        let parts = [&b"first "[..], b"", b"second", &text(70_000)];
        let body: Vec<u8> = parts.iter().flat_map(|part| encode(coding, part)).collect();
        assert!(decode(&[coding], &body) == Ok(parts.concat()), "{coding:?}");
        assert!(decode_pieces(&[coding], NO_LIMITS, body.chunks(1), 9) == Ok(parts.concat()), "{coding:?}");
    }
    let skippable = [&0x184D_2A50_u32.to_le_bytes()[..], &4u32.to_le_bytes(), b"skip"].concat();
    let body = [&skippable[..], &zstd(b"data"), &skippable].concat();
    assert_eq!(decode(&[Coding::Zstd], &body).as_deref(), Ok(&b"data"[..]));
}

#[test]
fn many_small_members_are_decoded() {
    let body = gzip(b"x").repeat(20_000);
    assert!(decode(&[Coding::Gzip], &body) == Ok(b"x".repeat(20_000)));
}

#[test]
fn a_body_of_no_bytes_is_empty_and_a_coded_nothing_too() {
    for coding in ALL {
        assert_eq!(decode(&[coding], b""), Ok(vec![]), "{coding:?}");
        assert_eq!(decode(&[coding], &encode(coding, b"")), Ok(vec![]), "{coding:?}");
    }
}

#[test]
fn a_cut_body_is_an_error_wherever_it_is_cut() {
    let data = text(500);
    for coding in ALL {
        let body = encode(coding, &data);
        for cut in 1..body.len() {
            let outcome = decode(&[coding], &body[..cut]);
            assert_eq!(outcome, Err(CodingError::Truncated(coding)), "{coding:?} cut at {cut}");
        }
        let stacked = gzip(&body[..body.len() - 1]);
        assert_eq!(decode(&[coding, Coding::Gzip], &stacked), Err(CodingError::Truncated(coding)));
    }
}

#[test]
fn bytes_behind_the_end_are_an_error() {
    for coding in ALL {
        for garbage in [&b"\0"[..], b"x", b"\x1f", b"\x1f\x8b", b"\x28\xb5", b"GET / HTTP/1.1\r\n"] {
            let body = [&encode(coding, &text(100))[..], garbage].concat();
            assert!(decode(&[coding], &body).is_err(), "{coding:?} {garbage:?}");
            assert!(
                decode_pieces(&[coding], NO_LIMITS, body.chunks(1), 9).is_err(),
                "{coding:?} {garbage:?}"
            );
        }
    }
}

#[test]
fn altered_bodies_are_refused_or_differ_nowhere() {
    let data = text(400);
    for coding in [Coding::Gzip, Coding::Deflate] {
        let body = encode(coding, &data);
        for at in 0..body.len() {
            let mut altered = body.clone();
            altered[at] ^= 0x10;
            // Fields of the gzip header that say nothing of the data may differ.
            assert!(
                decode(&[coding], &altered).is_ok_and(|d| d == data) || decode(&[coding], &altered).is_err()
            );
        }
    }
    for coding in ALL {
        assert!(decode(&[coding], b"plain text, not coded at all").is_err(), "{coding:?}");
    }
}

#[test]
fn output_is_limited_at_the_byte() {
    let data = text(100_000);
    for coding in ALL {
        let body = encode(coding, &data);
        for (limit, accepted) in [(100_000, true), (99_999, false), (1, false)] {
            let limits = DecoderLimits { output: limit, ..NO_LIMITS };
            for room in [1_000, MAX_STEP] {
                let outcome = decode_pieces(&[coding], limits, [&body[..]], room);
                assert_eq!(outcome.is_ok(), accepted, "{coding:?} {limit}");
                assert!(accepted || outcome == Err(CodingError::Output), "{coding:?} {limit}");
            }
        }
    }
}

#[test]
fn growth_is_limited() {
    // Small enough to be decoded in one step, where the ratio is that of the whole.
    for coding in ALL {
        let body = encode(coding, &vec![0; 30_000]);
        let len = body.len() as u64;
        let ratio = 30_000_u64.div_ceil(len);
        let run = |limits| decode_pieces(&[coding], limits, [&body[..]], MAX_STEP).map(|out| out.len());
        assert_eq!(run(DecoderLimits { ratio, ratio_floor: 0, ..NO_LIMITS }), Ok(30_000), "{coding:?}");
        assert_eq!(
            run(DecoderLimits { ratio: ratio - 1, ratio_floor: 0, ..NO_LIMITS }),
            Err(CodingError::Ratio)
        );
        assert_eq!(
            run(DecoderLimits { ratio: 1, ratio_floor: 30_000, ..NO_LIMITS }),
            Ok(30_000),
            "{coding:?}"
        );
        assert_eq!(
            run(DecoderLimits { ratio: 1, ratio_floor: 29_999, ..NO_LIMITS }),
            Err(CodingError::Ratio)
        );
    }
}

#[test]
fn a_bomb_is_stopped_early() {
    for coding in ALL {
        let body = encode(coding, &vec![0; 20 << 20]);
        let mut decoder = Decoder::new(&[coding], DecoderLimits::default()).expect("a decoder");
        let mut out = Vec::new();
        let error = feed(&mut decoder, &body, MAX_STEP, &mut out).expect_err("a bomb");
        assert_eq!(error, CodingError::Ratio, "{coding:?}");
        assert!(out.len() <= 16 << 20, "{coding:?}: {} bytes", out.len());
    }
}

#[test]
fn a_bomb_of_nothing_inside_a_bomb_is_stopped() {
    let nothing = gzip(b"").repeat(1_000_000);
    let body = gzip(&nothing);
    let limits = DecoderLimits { ratio: 100, ..DecoderLimits::default() };
    let outcome = decode_pieces(&[Coding::Gzip, Coding::Gzip], limits, [&body[..]], MAX_STEP);
    assert_eq!(outcome, Err(CodingError::Ratio), "{} bytes", body.len());
}

#[test]
fn large_zstd_windows_are_refused() {
    let data = text(100_000);
    let with_window = |log| {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).expect("an encoder");
        encoder.set_parameter(zstd::zstd_safe::CParameter::WindowLog(log)).expect("a parameter");
        encoder.write_all(&data).expect("encoding");
        encoder.finish().expect("encoding")
    };
    assert!(
        decode(&[Coding::Zstd], &with_window(super::MAX_ZSTD_WINDOW.ilog2())).as_deref() == Ok(&data[..])
    );
    let outcome = decode(&[Coding::Zstd], &with_window(super::MAX_ZSTD_WINDOW.ilog2() + 1));
    assert_eq!(outcome, Err(CodingError::Window));
}

fn coding() -> impl Strategy<Value = Coding> {
    prop::sample::select(ALL.to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_encoded_is_decoded(
        data in prop::collection::vec(any::<u8>(), 0..5_000),
        codings in prop::collection::vec(coding(), 0..=2),
        size in 1_usize..600,
        room in 1_usize..3_000,
    ) {
        let body = codings.iter().fold(data.clone(), |body, &coding| encode(coding, &body));
        let decoded = decode_pieces(&codings, NO_LIMITS, body.chunks(size), room);
        prop_assert_eq!(decoded, Ok(data));
    }

    #[test]
    fn nonsense_never_exceeds_the_limits(
        data in prop::collection::vec(any::<u8>(), 0..2_000),
        coding in coding(),
    ) {
        let limits = DecoderLimits { output: 1_000, ratio: 10, ratio_floor: 100 };
        let mut decoder = Decoder::new(&[coding], limits).expect("a decoder");
        let mut out = Vec::new();
        let _ = feed(&mut decoder, &data, 300, &mut out);
        prop_assert!(out.len() <= 1_000);
    }
}
