//! The lines of a private key that was found as one text: joined to one line, or under base64. Later texts hold them line by
//! line, and are searched for them.

use aegis_detect::RuleIndex;

use crate::request::value_search::ValueSearch;
use crate::shield::Shield;

/// A shorter line says too little to look for it elsewhere.
const MIN_LINE: usize = 16;
/// So many characters that are a key's own make a line worth looking for.
const MIN_OWN: usize = 12;
/// How the keys of OpenSSH begin, how many characters they have in common, and how long their lines are.
const OPENSSH: (&[u8], usize, usize) = (b"b3BlbnNzaC1rZXktdj", 114, 70);
/// The same for all others, at most.
const OTHERS: (usize, usize) = (52, 64);

impl ValueSearch {
    /// Searches for the lines of a key of which `text` was found; whether it begins with the key's first line.
    pub(crate) fn note_key(&mut self, shield: &Shield, rule: RuleIndex, text: &[u8], begins: bool) {
        for line in lines(text, begins) {
            self.note(shield, rule, line);
        }
    }
}

/// The lines of a key that say something of it.
fn lines(text: &[u8], begins: bool) -> impl Iterator<Item = &[u8]> {
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    // Behind a backslash the letter of a line end stands.
    let written = text.split(|byte| *byte == b'\\').enumerate();
    let words = written.flat_map(move |(index, part)| {
        let part = part.get(usize::from(index > 0)..).unwrap_or_default();
        part.split(move |byte| !is_base64(byte))
    });
    let words = words.filter(|word| word.len() >= MIN_LINE);
    let is_openssh = memchr::memmem::find(text, OPENSSH.0).is_some();
    let (common, width) = if is_openssh { (OPENSSH.1, OPENSSH.2) } else { OTHERS };
    let mut read = 0;
    words.flat_map(move |word| word.chunks(width)).filter(move |line| {
        let start = read;
        read += line.len();
        let own = if begins { read.saturating_sub(common.max(start)) } else { line.len() };
        line.len() >= MIN_LINE && own >= MIN_OWN
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = include_str!("../../../detect/tests/all/keys/rsa.pem");
    const OPENSSH_KEY: &str = include_str!("../../../detect/tests/all/keys/openssh");

    /// The lines of a body, from one on, that are not too short.
    fn body(key: &str, from: usize) -> Vec<&[u8]> {
        let lines = key.lines().filter(|line| !line.starts_with('-') && line.len() >= MIN_LINE);
        lines.skip(from).map(str::as_bytes).collect()
    }

    #[test]
    fn lines_are_those_of_the_file_however_they_were_joined() {
        for (key, from) in [(KEY, 0), (OPENSSH_KEY, 1)] {
            let expected = body(key, from);
            for text in [key.to_owned(), key.replace('\n', " "), key.replace('\n', "\\n")] {
                assert_eq!(lines(text.as_bytes(), true).collect::<Vec<_>>(), expected);
            }
            let joined: Vec<u8> = body(key, 0).concat();
            assert_eq!(lines(&joined, true).collect::<Vec<_>>(), expected);
        }
    }
}
