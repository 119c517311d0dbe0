//! Real source text found on this machine, for benchmarks that want more and other code than the crate's own:
//! the Rust library's source if it is installed, else the sources of the crates this workspace is built from.
//! Figures taken on it are comparable on one machine only; [`crate::corpus::text`] is the same everywhere.

#![expect(clippy::cast_possible_truncation, reason = "the limit of a file is far below 4 GiB")]

use crate::corpus;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Files above this size are generated tables, not code.
const MAX_FILE: u64 = 256 * 1024;
/// Folders are not followed deeper.
const MAX_DEPTH: usize = 8;

/// Text and where it is from.
pub struct Found {
    /// About as many bytes as were asked for.
    pub text: String,
    /// What to call it in a table.
    pub source: String,
}

/// Looks for `size` bytes of Rust, C and Markdown sources; falls back to the crate's own text.
pub fn text(size: usize) -> Found {
    for folder in candidates() {
        let mut text = String::with_capacity(size + MAX_FILE as usize);
        gather(&folder, size, 0, &mut text);
        if text.len() >= size {
            let end = (0..=size).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            text.truncate(end);
            return Found { text, source: folder.display().to_string() };
        }
    }
    Found { text: corpus::text(size, 0), source: "this crate's own sources".to_owned() }
}

/// A slice of `size` bytes (or a little less) of `text`, another one for every `seed`.
pub fn slice(text: &str, size: usize, seed: usize) -> &str {
    let size = size.min(text.len());
    let start = seed.wrapping_mul(104_729) % (text.len() - size + 1);
    let boundary = |at: usize| (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    &text[boundary(start)..boundary(start + size)]
}

fn candidates() -> Vec<PathBuf> {
    let mut out = Vec::new();
    if let Ok(said) = Command::new("rustc").args(["--print", "sysroot"]).output() {
        let root = PathBuf::from(String::from_utf8_lossy(&said.stdout).trim());
        out.push(root.join("lib/rustlib/src/rust/library"));
    }
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let cargo = std::env::var_os("CARGO_HOME").map_or_else(|| home.join(".cargo"), PathBuf::from);
    out.push(cargo.join("registry/src"));
    out
}

fn gather(folder: &Path, size: usize, depth: usize, out: &mut String) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut paths: Vec<PathBuf> = entries.filter_map(|e| e.ok().map(|e| e.path())).collect();
    paths.sort();
    for path in paths {
        if out.len() >= size {
            return;
        }
        if path.is_dir() && !path.is_symlink() && depth < MAX_DEPTH {
            gather(&path, size, depth + 1, out);
        } else if matches!(path.extension().and_then(|e| e.to_str()), Some("rs" | "c" | "h" | "md")) {
            let small = fs::metadata(&path).is_ok_and(|m| m.len() <= MAX_FILE);
            out.push_str(&small.then(|| fs::read_to_string(&path).ok()).flatten().unwrap_or_default());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_always_text() {
        let found = text(100_000);
        assert!(found.text.len() > 99_000, "{}", found.source);
        assert_eq!(slice(&found.text, 1000, 3), slice(&found.text, 1000, 3));
        assert!(slice("h\u{e9}llo", 3, 7).len() <= 4);
    }
}
