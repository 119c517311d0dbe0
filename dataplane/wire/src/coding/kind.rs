//! Which codings there are, and what can be wrong with a body in one.

/// The most codings that may be stacked on one body.
pub const MAX_CODINGS: usize = 2;

/// The largest window that a zstd frame may ask for, in bytes: a power of two (RFC 9659 sets the same limit). A brotli
/// stream can ask for at most 16 MiB, a deflate stream for 32 KiB.
pub const MAX_ZSTD_WINDOW: usize = 8 << 20;

/// One content coding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// gzip (RFC 1952), one or several members.
    Gzip,
    /// zlib (RFC 1950), or the bare deflate stream (RFC 1951) that some senders take it for.
    Deflate,
    /// brotli (RFC 7932).
    Brotli,
    /// zstd (RFC 8878), one or several frames.
    Zstd,
}

impl Coding {
    /// The name in `content-encoding`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }

    pub(super) fn from_name(name: &[u8]) -> Option<Self> {
        let names: [(&[u8], Self); 5] = [
            (b"gzip", Self::Gzip),
            (b"x-gzip", Self::Gzip),
            (b"deflate", Self::Deflate),
            (b"br", Self::Brotli),
            (b"zstd", Self::Zstd),
        ];
        names.iter().find(|(n, _)| name.eq_ignore_ascii_case(n)).map(|&(_, coding)| coding)
    }
}

/// Why a body cannot be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodingError {
    /// A content coding that is not known.
    #[error("the content coding is not supported")]
    Unknown,
    /// More than [`MAX_CODINGS`] codings.
    #[error("too many content codings are stacked")]
    TooMany,
    /// The bytes are not what the coding says, or there are bytes behind its end.
    #[error("the body is not valid {}", .0.as_str())]
    Malformed(Coding),
    /// The body ends before its coding does.
    #[error("the {} body ends too early", .0.as_str())]
    Truncated(Coding),
    /// A zstd frame asks for a window of more than [`MAX_ZSTD_WINDOW`].
    #[error("the zstd window is too large")]
    Window,
    /// More bytes than the limit of the decoder.
    #[error("the decoded body is too large")]
    Output,
    /// More growth than the limit of the decoder allows.
    #[error("the body grows too much when it is decoded")]
    Ratio,
}

impl CodingError {
    /// The status to answer a request with: 415 for what is not supported, 413 for what is too large, otherwise 400.
    pub const fn status(self) -> u16 {
        match self {
            Self::Unknown | Self::TooMany => 415,
            Self::Window | Self::Output | Self::Ratio => 413,
            Self::Malformed(_) | Self::Truncated(_) => 400,
        }
    }
}
