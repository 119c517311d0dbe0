#![expect(clippy::cast_possible_truncation, reason = "noise is made of the low bits")]

use base64::Engine;

use super::*;
use crate::request::classify::base64::MAX_LINE;

const SOUND: PlaceHint = PlaceHint::Base64(Declared::RawSound);
const BLOB: PlaceHint = PlaceHint::Base64(Declared::Nothing);

fn encode(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn noise(len: u32) -> Vec<u8> {
    (0..len).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

fn judge_str(hint: PlaceHint, raw: &str) -> Classification {
    classify(hint, raw.as_bytes(), true)
}

fn passed(head: usize, kind: Option<OpaqueKind>) -> Classification {
    Classification::Run(head, Base64Run { scanned: ScanMode::Skip, kind, wrapped: false })
}

fn decoded(head: usize, kind: Option<OpaqueKind>) -> Classification {
    Classification::Run(head, Base64Run { scanned: ScanMode::Decoded(None), kind, wrapped: false })
}

#[test]
fn blobs_are_judged_by_what_they_hold() {
    let (image, other) = (Some(OpaqueKind::Image), Some(OpaqueKind::Other));
    let png = encode(b"\x89PNG\r\n\x1a\n0123456789 0123456789");
    let zip = encode(b"PK\x03\x04\x14\0\0\0\0\0 0123456789 0123456789");
    let text = encode(b"password: correct horse battery");
    let magic = encode(b"GIF89a is what a picture begins with");
    let wide = encode(b"\xff\xfep\0a\0s\0s\0w\0o\0r\0d\0");
    let (short, long) = (encode(&noise(200)), encode(&noise(2000)));
    let text_type = Declared::Text(None);
    let latin1 = encode(b"caf\xe9: the key is AKIAAAAAAAAAAAAAAAAA, not for others");
    let control = encode(&[b"\x01", &b"the key is AKIAAAAAAAAAAAAAAAAA, not for others"[..]].concat());
    let sound = Declared::RawSound;
    for (blob, declared, expected) in [
        (&png, Declared::Nothing, passed(0, image)),
        (&png, sound, passed(0, image)),
        (&png, text_type, decoded(0, image)),
        (&zip, Declared::Nothing, decoded(0, Some(OpaqueKind::Archive))),
        (&text, Declared::Nothing, decoded(0, None)),
        (&text, sound, decoded(0, None)),
        (&text, text_type, decoded(0, None)),
        (&magic, Declared::Nothing, decoded(0, None)),
        (&magic, sound, decoded(0, None)),
        (&wide, sound, decoded(0, None)),
        (&latin1, Declared::Nothing, decoded(0, other)),
        (&latin1, text_type, decoded(0, other)),
        (&control, Declared::Nothing, decoded(0, other)),
        (&short, Declared::Nothing, Classification::Scan),
        (&short, text_type, Classification::Scan),
        (&short, sound, passed(0, Some(OpaqueKind::Audio))),
        (&long, Declared::Nothing, decoded(0, other)),
        (&long, sound, passed(0, Some(OpaqueKind::Audio))),
    ] {
        assert_eq!(
            judge_str(PlaceHint::Base64(declared), &format!("{blob}\"")),
            expected,
            "{blob} {declared:?}"
        );
        assert_eq!(judge_str(PlaceHint::Plain, &format!("{blob}\"")), Classification::Scan, "{blob}");
    }
}

#[test]
fn values_that_are_no_base64_are_scanned() {
    let long = encode(&noise(2000));
    assert_eq!(judge_str(SOUND, "not base64, but long enough\""), Classification::Scan);
    assert_eq!(judge_str(SOUND, &format!("{}.x\"", &long[..LOOK - 1])), passed(0, Some(OpaqueKind::Audio)));
    assert_eq!(judge_str(SOUND, &format!("{}.x\"", &long[..LOOK - 2])), Classification::Scan);
    assert_eq!(judge_str(SOUND, &format!("{}\"", &long[..MIN_SEALED])), passed(0, Some(OpaqueKind::Audio)));
    assert_eq!(judge_str(SOUND, &format!("{}\"", &long[..MIN_SEALED - 1])), Classification::Scan);
    let tiny = encode(b"some words of text");
    assert_eq!(judge_str(SOUND, &format!("{}\"", &tiny[..MIN_BLOB])), decoded(0, None));
    assert_eq!(judge_str(SOUND, &format!("{}\"", &tiny[..MIN_BLOB - 1])), Classification::Scan);
}

#[test]
fn sealed_values_are_long_or_sure() {
    let blob = "A".repeat(MIN_SEALED);
    let unsure = PlaceHint::Sealed { sure: false };
    assert_eq!(judge_str(unsure, &format!("{blob}\"")), passed(0, None));
    assert_eq!(judge_str(unsure, &format!("{}\"", &blob[1..])), Classification::Scan);
    let sure = PlaceHint::Sealed { sure: true };
    assert_eq!(judge_str(sure, &format!("{}\"", &blob[..MIN_SURE])), passed(0, None));
    assert_eq!(judge_str(sure, &format!("{}\"", &blob[..MIN_SURE - 1])), Classification::Scan);
    assert_eq!(judge_str(sure, "A B\""), Classification::Scan);
    let long = "A".repeat(LOOK);
    assert_eq!(classify(unsure, &long.as_bytes()[1..], false), Classification::Undecided);
    assert_eq!(classify(unsure, long.as_bytes(), false), passed(0, None));
}

#[test]
fn data_urls_are_media_only_at_places_of_media() {
    let jpeg = encode(b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01");
    let url = format!("data:image/jpeg;base64,{jpeg}\"");
    assert_eq!(judge_str(BLOB, &url), passed(23, Some(OpaqueKind::Image)));
    assert_eq!(judge_str(BLOB, &url.replace('/', "\\/")), passed(24, Some(OpaqueKind::Image)));
    assert_eq!(judge_str(BLOB, &url.replace('"', "\\nAKIA\"")), passed(23, Some(OpaqueKind::Image)));
    assert_eq!(judge_str(PlaceHint::Link, &url), passed(23, Some(OpaqueKind::Image)));
    assert_eq!(judge_str(PlaceHint::Link, &url[23..]), Classification::Scan);
    assert_eq!(judge_str(PlaceHint::Plain, &url), Classification::Scan);
    assert_eq!(judge_str(PlaceHint::Sealed { sure: true }, &url), Classification::Scan);
    for cut in 0..url.len() - 1 {
        assert_eq!(classify(BLOB, &url.as_bytes()[..cut], false), Classification::Undecided, "{cut}");
    }
}

#[test]
fn data_urls_of_text_are_decoded_everywhere() {
    let text = format!("data:text/plain;charset=utf-8;base64,{}\"", encode(b"some words and some more"));
    assert_eq!(judge_str(BLOB, &text), decoded(37, None));
    let run = Base64Run { scanned: ScanMode::WhileText, kind: None, wrapped: false };
    assert_eq!(judge_str(PlaceHint::Plain, &text), Classification::Run(37, run));
    for plain in ["data:\"", "data:text/plain,hello\"", "data: x\"", "date:image/png;base64,AAAA\"", "d\""] {
        assert_eq!(judge_str(PlaceHint::Plain, plain), Classification::Scan, "{plain}");
    }
}

#[test]
fn heads_of_data_urls_are_limited() {
    let url = |pad: usize| format!("data:{};base64,{}\"", "x".repeat(pad), encode(&noise(2000)));
    let fixed = "data:;base64,".len();
    let other = Some(OpaqueKind::Other);
    assert_eq!(judge_str(BLOB, &url(MAX_URL_HEAD - fixed)), decoded(MAX_URL_HEAD, other));
    assert_eq!(judge_str(BLOB, &url(MAX_URL_HEAD - fixed + 1)), Classification::Scan);
}

#[test]
fn media_types_give_kind_and_charset() {
    let wide = Charset { four_bytes: false, big_endian: Some(false) };
    assert_eq!(declared(b"text/plain; charset=utf-16le"), Declared::Text(Some(wide)));
    assert_eq!(declared(b"text\\/plain"), Declared::Text(None));
    assert_eq!(declared(b"application/json"), Declared::Text(None));
    assert_eq!(declared(b"IMAGE/png"), Declared::Nothing, "that is for the bytes to say");
    assert_eq!(declared(b"application/pdf"), Declared::Nothing);
    assert_eq!(declared(b"application/zip"), Declared::Nothing);
}

#[test]
fn base64_ends_where_it_ends() {
    let extent = |text: &str, wrapped| Base64Extent::of(text.as_bytes(), wrapped);
    for len in 0..100 {
        let digits = &"aZ0+/-_".repeat(20)[..len];
        let (end, chars) = (len + 2, len + 1);
        for rest in ["\\n", " ", "\"", "\\u0041"] {
            let text = format!("{digits}\\/{rest}");
            assert_eq!(extent(&text, false), Base64Extent { len: end, chars, ended: true });
            assert_eq!(
                extent(&text[..=len], false),
                Base64Extent { len, chars: len, ended: false },
                "a cut escape waits"
            );
        }
        let wrapped = format!("{digits}\\nA\"");
        assert_eq!(extent(&wrapped, true), Base64Extent { len: len + 3, chars, ended: true });
        assert_eq!(extent(&wrapped, false), Base64Extent { len, chars: len, ended: true });
        for padding in ["=", "=="] {
            let text = format!("{digits}{padding}AKIA");
            assert_eq!(
                extent(&text, true),
                Base64Extent { len: len + padding.len(), chars: len, ended: true }
            );
        }
        assert!(!extent(&format!("{digits}="), false).ended);
        assert!(extent(&format!("{digits}=="), false).ended);
    }
}

#[test]
fn lines_of_base64_are_short() {
    for (line, wrapped) in [(MAX_LINE, true), (MAX_LINE + 1, false)] {
        let value = encode(&noise(3000));
        let value = format!("{}\\n{}", &value[..line], &value[line..]);
        assert_eq!(is_wrapped(value.as_bytes()), wrapped);
    }
    assert!(!is_wrapped(&[b'A'; MAX_LINE]));
}
