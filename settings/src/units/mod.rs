//! Human units of the configuration file: lengths of time and numbers of bytes.
//!
//! People write `"30s"`, `"64MiB"` or a bare number; the program holds [`Duration`](std::time::Duration) and `u64`.
//! Both directions live here, so that defaults can be written as people write them.
//!
//! The usual crates for lengths of time read another language: `humantime` takes `5M` for months, `jiff` refuses days
//! in an exact duration and takes signs and fractions, and neither reads a bare number as seconds. A file would change
//! its meaning.

pub mod duration;
pub mod optional_duration;
pub mod size;
mod written;
