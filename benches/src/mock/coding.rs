//! Content codings, to read what a proxy sent on compressed and to compress replies, also as a stream.

use std::io::{self, Read, Write};

/// Most a request body may grow to when decoded for the echo.
const MAX_DECODED: u64 = 256 * 1024 * 1024;

/// Undoes `Content-Encoding`; `None` for unknown codings, broken data or too much of it.
pub fn decode(header: &str, body: &[u8]) -> Option<Vec<u8>> {
    let mut data = body.to_vec();
    for coding in header.rsplit(',').map(str::trim).filter(|c| !c.is_empty()) {
        data = match coding.to_ascii_lowercase().as_str() {
            "identity" => data,
            "gzip" | "x-gzip" => read_all(flate2::read::MultiGzDecoder::new(data.as_slice()))?,
            "deflate" => read_all(flate2::read::ZlibDecoder::new(data.as_slice()))
                .or_else(|| read_all(flate2::read::DeflateDecoder::new(data.as_slice())))?,
            "br" => read_all(brotli::Decompressor::new(data.as_slice(), 4096))?,
            "zstd" => read_all(zstd::stream::read::Decoder::new(data.as_slice()).ok()?)?,
            _ => return None,
        };
    }
    Some(data)
}

fn read_all(reader: impl Read) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    reader.take(MAX_DECODED).read_to_end(&mut out).ok()?;
    ((out.len() as u64) < MAX_DECODED).then_some(out)
}

/// One streaming compressor.
pub enum Coder {
    /// gzip (RFC 1952)
    Gzip(flate2::write::GzEncoder<Vec<u8>>),
    /// zlib (RFC 1950), which HTTP calls deflate
    Deflate(flate2::write::ZlibEncoder<Vec<u8>>),
    /// Brotli (RFC 7932)
    Brotli(Box<brotli::CompressorWriter<Vec<u8>>>),
    /// Zstandard (RFC 8878)
    Zstd(Box<zstd::stream::write::Encoder<'static, Vec<u8>>>),
}

impl Coder {
    /// By its name in `Content-Encoding`.
    pub fn named(name: &str) -> Option<Self> {
        let level = flate2::Compression::fast();
        Some(match name {
            "gzip" => Self::Gzip(flate2::write::GzEncoder::new(Vec::new(), level)),
            "deflate" => Self::Deflate(flate2::write::ZlibEncoder::new(Vec::new(), level)),
            "br" => Self::Brotli(Box::new(brotli::CompressorWriter::new(Vec::new(), 4096, 4, 20))),
            "zstd" => Self::Zstd(Box::new(zstd::stream::write::Encoder::new(Vec::new(), 1).ok()?)),
            _ => return None,
        })
    }

    /// Compresses and flushes, so that everything so far can be read at the other end.
    pub fn push(&mut self, data: &[u8]) -> io::Result<Vec<u8>> {
        fn run<W: Write>(writer: &mut W, data: &[u8]) -> io::Result<()> {
            writer.write_all(data)?;
            writer.flush()
        }
        match self {
            Self::Gzip(w) => run(w, data).map(|()| std::mem::take(w.get_mut())),
            Self::Deflate(w) => run(w, data).map(|()| std::mem::take(w.get_mut())),
            Self::Brotli(w) => run(w, data).map(|()| std::mem::take(w.get_mut())),
            Self::Zstd(w) => run(w, data).map(|()| std::mem::take(w.get_mut())),
        }
    }

    /// The bytes that end the coding.
    pub fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Gzip(w) => w.finish(),
            Self::Deflate(w) => w.finish(),
            Self::Brotli(w) => Ok(w.into_inner()),
            Self::Zstd(w) => w.finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_coding_streams_and_reads_back() {
        for name in ["gzip", "deflate", "br", "zstd"] {
            let mut coder = Coder::named(name).unwrap();
            let mut wire = coder.push(b"data: one\n\n").unwrap();
            assert!(!wire.is_empty(), "{name} holds bytes back after a flush");
            wire.extend(coder.push(b"data: two\n\n").unwrap());
            wire.extend(coder.finish().unwrap());
            assert_eq!(decode(name, &wire).unwrap(), b"data: one\n\ndata: two\n\n", "{name}");
        }
        assert!(Coder::named("lzw").is_none() && decode("lzw", b"").is_none());
    }
}
