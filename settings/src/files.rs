//! Reading whole files, bounded.

use std::fs::File;
use std::io::{self, Read};

/// Most bytes of a file that a start or a reload reads. The longest list of known values has room in it.
pub const MAX_FILE_BYTES: u64 = 16 << 20;

/// Reads `file` to its end. It is an error if it has more than [`MAX_FILE_BYTES`].
pub fn read_whole(mut file: &File) -> io::Result<Vec<u8>> {
    let too_long = || {
        let what = format!("it is longer than {} MiB", MAX_FILE_BYTES >> 20);
        Err(io::Error::new(io::ErrorKind::FileTooLarge, what))
    };
    let length = file.metadata()?.len();
    if length > MAX_FILE_BYTES {
        return too_long();
    }
    // All at once: the file may hold a key, and a buffer that grows leaves copies behind.
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
    // Devices do not know their length, and a file may grow.
    file.by_ref().take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE_BYTES { too_long() } else { Ok(bytes) }
}

/// Reads `file` to its end as text, as [`read_whole`] does.
pub fn read_whole_text(file: &File) -> io::Result<String> {
    String::from_utf8(read_whole(file)?)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not valid UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_up_to_the_limit() {
        let file = tempfile::tempfile().expect("a file");
        for (length, is_read) in
            [(0, true), (MAX_FILE_BYTES, true), (MAX_FILE_BYTES + 1, false), (1 << 40, false)]
        {
            file.set_len(length).expect("a sparse file");
            match read_whole(&file) {
                Ok(bytes) => assert!(is_read && bytes.len() as u64 <= length, "{length}"),
                Err(error) => {
                    assert!(!is_read, "{length}: {error}");
                    assert_eq!(error.to_string(), "it is longer than 16 MiB");
                }
            }
        }
        let zeros = File::open("/dev/zero").expect("it opens");
        assert_eq!(read_whole(&zeros).expect_err("no end").to_string(), "it is longer than 16 MiB");
    }
}
