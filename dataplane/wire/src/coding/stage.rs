//! The four codings behind one interface: some bytes in, some bytes out, never more than there is room for.

#![expect(
    clippy::cast_possible_truncation,
    reason = "a run takes and gives no more bytes than its slices hold"
)]

use brotli::enc::StandardAlloc;
use brotli::{BrotliDecompressStream, BrotliResult, BrotliState};
use flate2::{Decompress, FlushDecompress, Status};
use zstd::stream::raw::{DParameter, Decoder as ZstdDecoder, Operation};

use super::kind::{Coding, CodingError, MAX_ZSTD_WINDOW};

/// The largest deflate window, as a power of two.
const DEFLATE_WINDOW_LOG: u8 = 15;

/// The first byte of every gzip member.
const GZIP_MAGIC: u8 = 0x1f;

/// What one run did.
pub(super) struct Ran {
    /// Bytes of the input that were used.
    pub(super) consumed: usize,
    /// Bytes at the beginning of the output that were written.
    pub(super) produced: usize,
}

/// One coding being taken off.
pub(super) enum CodingStage {
    Gzip(Gzip),
    Deflate(Deflate),
    Brotli(Box<Brotli>),
    Zstd(Zstd),
}

impl CodingStage {
    pub(super) fn new(coding: Coding) -> Self {
        match coding {
            Coding::Gzip => Self::Gzip(Gzip::new()),
            Coding::Deflate => Self::Deflate(Deflate::Undecided(None)),
            Coding::Brotli => Self::Brotli(Box::new(Brotli::new())),
            Coding::Zstd => Self::Zstd(Zstd { decoder: None, between: false }),
        }
    }

    pub(super) fn coding(&self) -> Coding {
        match self {
            Self::Gzip(_) => Coding::Gzip,
            Self::Deflate(_) => Coding::Deflate,
            Self::Brotli(_) => Coding::Brotli,
            Self::Zstd(_) => Coding::Zstd,
        }
    }

    /// Decodes some of `input` into `output`.
    pub(super) fn run(&mut self, input: &[u8], output: &mut [u8]) -> Result<Ran, CodingError> {
        match self {
            Self::Gzip(gzip) => gzip.run(input, output),
            Self::Deflate(deflate) => deflate.run(input, output),
            Self::Brotli(brotli) => brotli.run(input, output),
            Self::Zstd(zstd) => zstd.run(input, output),
        }
    }

    /// Whether the input may end here.
    pub(super) fn may_end(&self) -> bool {
        match self {
            Self::Gzip(gzip) => gzip.members > 0 && !gzip.inside,
            Self::Deflate(deflate) => matches!(deflate, Deflate::Ended),
            Self::Brotli(brotli) => brotli.ended,
            Self::Zstd(zstd) => zstd.between,
        }
    }
}

/// gzip, member by member; zlib itself reads the member's header and verifies its checksum and length.
pub(super) struct Gzip {
    inflate: Decompress,
    inside: bool,
    members: u64,
}

impl Gzip {
    fn new() -> Self {
        Self { inflate: Decompress::new_gzip(DEFLATE_WINDOW_LOG), inside: false, members: 0 }
    }

    fn run(&mut self, input: &[u8], output: &mut [u8]) -> Result<Ran, CodingError> {
        if !self.inside {
            match input.first() {
                None => return Ok(Ran { consumed: 0, produced: 0 }),
                Some(&GZIP_MAGIC) => {}
                Some(_) => return Err(CodingError::Malformed(Coding::Gzip)),
            }
            if self.members > 0 {
                self.inflate.reset(true);
            }
            self.inside = true;
        }
        let (ran, ended) = inflate(&mut self.inflate, input, output, Coding::Gzip)?;
        if ended {
            self.inside = false;
            self.members += 1;
        }
        Ok(ran)
    }
}

/// zlib or bare deflate: the first two bytes show which.
pub(super) enum Deflate {
    Undecided(Option<u8>),
    Running(Decompress),
    Ended,
}

impl Deflate {
    fn run(&mut self, input: &[u8], output: &mut [u8]) -> Result<Ran, CodingError> {
        let Some(&next) = input.first() else {
            return match self {
                Self::Running(stream) => Ok(inflate(stream, input, output, Coding::Deflate)?.0),
                _ => Ok(Ran { consumed: 0, produced: 0 }),
            };
        };
        match self {
            Self::Undecided(None) => {
                *self = Self::Undecided(Some(next));
                Ok(Ran { consumed: 1, produced: 0 })
            }
            Self::Undecided(Some(first)) => {
                let first = *first;
                let mut stream = Decompress::new(is_zlib_header(first, next));
                let (ran, _) = inflate(&mut stream, &[first], &mut [], Coding::Deflate)?;
                if ran.consumed != 1 {
                    return Err(CodingError::Malformed(Coding::Deflate));
                }
                *self = Self::Running(stream);
                self.run(input, output)
            }
            Self::Running(stream) => {
                let (ran, ended) = inflate(stream, input, output, Coding::Deflate)?;
                if ended {
                    *self = Self::Ended;
                }
                Ok(ran)
            }
            Self::Ended => Err(CodingError::Malformed(Coding::Deflate)),
        }
    }
}

/// The header of RFC 1950: method 8, a window of at most 32 KiB, a check sum, no preset dictionary.
fn is_zlib_header(first: u8, second: u8) -> bool {
    first & 0x0f == 8
        && first >> 4 <= 7
        && (u16::from(first) << 8 | u16::from(second)) % 31 == 0
        && second & 0x20 == 0
}

/// One step of zlib; says whether the stream has ended.
fn inflate(
    stream: &mut Decompress,
    input: &[u8],
    output: &mut [u8],
    coding: Coding,
) -> Result<(Ran, bool), CodingError> {
    let (total_in, total_out) = (stream.total_in(), stream.total_out());
    let status = stream.decompress(input, output, FlushDecompress::None);
    let status = status.map_err(|_| CodingError::Malformed(coding))?;
    let ran = Ran {
        consumed: (stream.total_in() - total_in) as usize,
        produced: (stream.total_out() - total_out) as usize,
    };
    Ok((ran, status == Status::StreamEnd))
}

/// brotli, without the extension to larger windows.
pub(super) struct Brotli {
    state: BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>,
    ended: bool,
}

impl Brotli {
    fn new() -> Self {
        let alloc = StandardAlloc::default;
        Self { state: BrotliState::new_strict(alloc(), alloc(), alloc()), ended: false }
    }

    fn run(&mut self, input: &[u8], output: &mut [u8]) -> Result<Ran, CodingError> {
        if self.ended {
            return if input.is_empty() {
                Ok(Ran { consumed: 0, produced: 0 })
            } else {
                Err(CodingError::Malformed(Coding::Brotli))
            };
        }
        let (mut consumed, mut produced, mut total) = (0, 0, 0);
        let result = BrotliDecompressStream(
            &mut input.len(),
            &mut consumed,
            input,
            &mut output.len(),
            &mut produced,
            output,
            &mut total,
            &mut self.state,
        );
        match result {
            BrotliResult::ResultFailure => return Err(CodingError::Malformed(Coding::Brotli)),
            BrotliResult::ResultSuccess => self.ended = true,
            BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => {}
        }
        Ok(Ran { consumed, produced })
    }
}

/// zstd, frame by frame, with a limit to the window.
pub(super) struct Zstd {
    /// Made at the first byte, because that can fail.
    decoder: Option<ZstdDecoder<'static>>,
    /// A frame has ended and the next has not begun.
    between: bool,
}

impl Zstd {
    fn run(&mut self, input: &[u8], output: &mut [u8]) -> Result<Ran, CodingError> {
        let decoder = match &mut self.decoder {
            Some(decoder) => decoder,
            None => self.decoder.insert(zstd_decoder().map_err(|_| CodingError::Malformed(Coding::Zstd))?),
        };
        let status = decoder.run_on_buffers(input, output).map_err(|error| zstd_error(&error))?;
        if status.bytes_read > 0 || status.bytes_written > 0 {
            self.between = status.remaining == 0;
        }
        Ok(Ran { consumed: status.bytes_read, produced: status.bytes_written })
    }
}

fn zstd_decoder() -> std::io::Result<ZstdDecoder<'static>> {
    let mut decoder = ZstdDecoder::new()?;
    decoder.set_parameter(DParameter::WindowLogMax(MAX_ZSTD_WINDOW.ilog2()))?;
    Ok(decoder)
}

/// The library distinguishes its errors by their text only.
fn zstd_error(error: &std::io::Error) -> CodingError {
    if error.to_string().contains("too much memory") {
        CodingError::Window
    } else {
        CodingError::Malformed(Coding::Zstd)
    }
}
