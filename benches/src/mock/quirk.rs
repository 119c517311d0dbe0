//! Replies that break the rules of HTTP/1.1, to see what a proxy makes of them.

/// Names and meanings, for `--help`.
pub const LIST: &[(&str, &str)] = &[
    ("cl_te", "both Content-Length and Transfer-Encoding"),
    ("dup_cl", "two differing Content-Length fields"),
    ("bad_cl", "Content-Length: +5"),
    ("bad_chunk", "a chunk size that is no number"),
    ("long_chunk", "a chunk size of 17 digits"),
    ("no_last_chunk", "chunked, closed before the last chunk"),
    ("short_body", "closed before Content-Length is reached"),
    ("extra", "bytes after the end of the body"),
    ("te_gzip", "Transfer-Encoding: gzip, chunked"),
    ("bad_status", "a status that is no number"),
    ("garbage", "not HTTP at all"),
    ("nul_value", "NUL in a field's value"),
    ("obs_fold", "a folded field"),
    ("bad_name", "a space before the colon"),
    ("huge_head", "a field of 1 MiB"),
    ("many_fields", "5000 fields"),
    ("info_flood", "1000 informational responses"),
    ("switching", "101 although no upgrade was asked for"),
    ("head_cut", "closed within the head"),
    ("silent", "closed without a byte"),
    ("trailers", "valid: chunked with trailer fields"),
    ("hop", "valid: hop-by-hop fields, some named by Connection"),
];

/// The bytes of a malformed reply carrying `body`; `None` if there is no such quirk. The connection is closed
/// after it.
pub fn reply(name: &str, body: &[u8]) -> Option<Vec<u8>> {
    let n = body.len();
    let ok = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
    let chunked = [format!("{n:x}\r\n").as_bytes(), body, b"\r\n"].concat();
    let with = |fields: &str, rest: &[u8]| Some([ok.as_bytes(), fields.as_bytes(), b"\r\n", rest].concat());
    let length = format!("content-length: {n}\r\n");
    let te = "transfer-encoding: chunked\r\n";
    let all_chunks = [chunked.as_slice(), b"0\r\n\r\n"].concat();
    match name {
        "cl_te" => with(&format!("{length}{te}"), &all_chunks),
        "dup_cl" => with(&format!("{length}content-length: {}\r\n", n + 1), body),
        "bad_cl" => with(&format!("content-length: +{n}\r\n"), body),
        "bad_chunk" => with(te, &[b"zz\r\n", body, b"\r\n0\r\n\r\n"].concat()),
        "long_chunk" => with(te, &[format!("{n:017x}\r\n").as_bytes(), body, b"\r\n0\r\n\r\n"].concat()),
        "no_last_chunk" => with(te, &chunked),
        "short_body" => with(&format!("content-length: {}\r\n", n + 10), body),
        "extra" => with(&length, &[body, b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nextra"].concat()),
        "te_gzip" => with("transfer-encoding: gzip, chunked\r\n", &all_chunks),
        "bad_status" => Some(b"HTTP/1.1 2x0 OK\r\ncontent-length: 0\r\n\r\n".to_vec()),
        "garbage" => Some(b"220 smtp.example ESMTP ready\r\n".to_vec()),
        "nul_value" => with(&format!("{length}x-nul: a\0b\r\n"), body),
        "obs_fold" => with(&format!("{length}x-fold: a\r\n b\r\n"), body),
        "bad_name" => with(&format!("{length}x-space : a\r\n"), body),
        "huge_head" => with(&format!("{length}x-huge: {}\r\n", "h".repeat(1 << 20)), body),
        "many_fields" => with(&format!("{length}{}", "x-many: 1\r\n".repeat(5000)), body),
        "info_flood" => {
            let flood = "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(1000);
            with(&length, body).map(|rest| [flood.as_bytes(), &rest].concat())
        }
        "switching" => {
            Some(b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\nraw".to_vec())
        }
        "head_cut" => Some(ok.as_bytes().to_vec()),
        "silent" => Some(Vec::new()),
        "trailers" => with(
            &format!("{te}trailer: x-sum\r\n"),
            &[chunked.as_slice(), b"0\r\nx-sum: 1\r\nx-other: 2\r\n\r\n"].concat(),
        ),
        "hop" => {
            let hop = "connection: x-hop, keep-alive\r\nx-hop: 1\r\nkeep-alive: timeout=5\r\nproxy-connection: x\r\n";
            with(&format!("{length}{hop}x-end: 1\r\n"), body)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_listed_quirk_exists() {
        for (name, _) in super::LIST {
            assert!(super::reply(name, b"{}").is_some(), "{name}");
        }
        assert!(super::reply("none", b"").is_none());
    }
}
