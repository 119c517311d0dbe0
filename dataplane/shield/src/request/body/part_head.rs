//! The head of a part of a multipart body: scanned for secrets, and read for what the part is.
//!
//! A provider must not read a head otherwise than it is read here, so what leaves room for doubt is an error. Lines that
//! are folded (RFC 5322, section 2.2.3) count as one, for the scan too: a name and its value may stand on two of them.

use memchr::memmem;
use zeroize::Zeroizing;

use crate::format::{Format, each_parameter, hex, split_at_byte};
use crate::request::body::flat::replace_findings;
use crate::request::body::step::BodyStep;
use crate::request::body::text::PlainText;
use crate::request::refusal::Refusal;
use crate::request::scan::view::{DecodedView, LeftContext};

/// What the head of a part says of its content.
pub(crate) struct PartHead {
    pub(crate) format: Format,
    pub(crate) label: PartLabel,
}

/// What is known of a part besides its format.
#[derive(Clone, Default)]
pub(crate) struct PartLabel {
    /// It is labelled as JSON, so it is no media.
    pub(crate) is_text: bool,
    /// It is a file, not a field of a form.
    pub(crate) is_file: bool,
    /// The name of the field, which says what a bare value is.
    pub(crate) name: Option<Zeroizing<Vec<u8>>>,
}

/// Bytes of the longest file that is taken for the value of a field. A longer one is a text of its own.
pub(crate) const MAX_FILE_VALUE: usize = 1024;

impl PartLabel {
    /// What a text sees to its left: the name as a form writes it.
    pub(crate) fn before_text(&self) -> LeftContext {
        self.name.as_ref().map_or_else(LeftContext::new, |name| LeftContext::of(&[name, b"="]))
    }

    /// Whether the part is a field of a form, whose name is known.
    pub(crate) fn is_field(&self) -> bool {
        self.name.is_some() && !self.is_text
    }

    /// What a JSON document sees to its left: the name as JSON writes it.
    pub(crate) fn before_json(&self) -> LeftContext {
        self.name.as_ref().map_or_else(LeftContext::new, |name| LeftContext::of(&[b"\"", name, b"\": "]))
    }

    /// Forgets the name if the part is a file that is more than one value; `whole` is its content, if that is all here.
    pub(crate) fn keep_name_of_value(&mut self, whole: Option<&[u8]>) {
        let is_value = |content: &[u8]| {
            let end = content.iter().rposition(|byte| !byte.is_ascii_whitespace() && *byte != 0);
            content.len() <= MAX_FILE_VALUE && !content[..end.unwrap_or_default()].contains(&b'\n')
        };
        if self.is_file && !whole.is_some_and(is_value) {
            self.name = None;
        }
    }
}

/// Scans a whole head with its folded lines made one.
pub(crate) fn scan(step: &mut BodyStep<'_>, head: &[u8]) -> Result<usize, Refusal> {
    let view = &mut step.scratch.view;
    view.begin(&LeftContext::new());
    unfold(view, head);
    view.finish(head);
    let settled = step.scratch.scan(head, true, true);
    Ok(replace_findings(&PlainText { place: &String::new }, step, head, settled)?.consumed)
}

/// One space for each line end that folds a line, and for the blanks around it.
fn unfold(view: &mut DecodedView, head: &[u8]) {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let mut done = 0;
    for at in memchr::memchr_iter(b'\n', head) {
        let blanks = head[at + 1..].iter().take_while(|byte| blank(byte)).count();
        if at < done || blanks == 0 {
            continue;
        }
        let line = &head[done..at];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let kept = line.iter().rposition(|byte| !blank(byte)).map_or(0, |last| last + 1);
        let end = at + 1 + blanks;
        view.unit(head, b" ", done + kept, end);
        done = end;
    }
}

/// Reads a head, or says why it is not certain what it means. The part is a file if its place says so (`is_file`), or
/// if it has a file's name.
pub(crate) fn read(head: &[u8], is_file: bool) -> Result<PartHead, &'static str> {
    let fields = fields(head)?;
    let only = |name: &[u8], several: &'static str| {
        let mut all = fields.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        let first = all.next().map(|(_, value)| value.as_slice());
        if all.next().is_some() { Err(several) } else { Ok(first) }
    };
    let encoding = only(b"content-transfer-encoding", "two transfer encodings of a part")?;
    let plain =
        |value: &[u8]| [&b"7bit"[..], b"8bit", b"binary", b""].iter().any(|p| value.eq_ignore_ascii_case(p));
    if !encoding.is_none_or(plain) {
        return Err("transfer encoding of a part");
    }
    let content_type = only(b"content-type", "two types of a part")?;
    let disposition = only(b"content-disposition", "two dispositions of a part")?;
    let is_file = is_file
        || disposition.is_some_and(|value| memmem::find(&value.to_ascii_lowercase(), b"filename").is_some());
    let name = disposition.map_or(Ok(None), field_name)?.map(|name| meant(&name));
    let request = Format::of_request(content_type);
    let is_text = matches!(request, Format::Json | Format::JsonLines);
    let format = if is_file { Format::of_file(content_type) } else { request };
    Ok(PartHead { format, label: PartLabel { is_text, is_file, name } })
}

/// The name of the field: `name="x"`, or `name*=UTF-8''x` (RFC 8187).
fn field_name(disposition: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, &'static str> {
    let mut name: Option<Zeroizing<Vec<u8>>> = None;
    let mut unclear = false;
    each_parameter(split_at_byte(disposition, b';').1, |key, value| {
        let value = Zeroizing::new(value);
        let value = match key.to_ascii_lowercase().as_slice() {
            b"name" => value,
            b"name*" => extended(&value),
            key => return unclear |= key.starts_with(b"name*"),
        };
        unclear |= name.as_ref().is_some_and(|before| *before != value);
        name = Some(value);
    });
    if unclear { Err("two names of a part") } else { Ok(name) }
}

/// The value of a parameter that is written with its character set, language and percent escapes.
fn extended(value: &[u8]) -> Zeroizing<Vec<u8>> {
    without_percents(value.splitn(3, |&byte| byte == b'\'').nth(2).unwrap_or(value))
}

/// A text with its percent escapes decoded.
fn without_percents(text: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut rest = text;
    let mut decoded = Zeroizing::new(Vec::with_capacity(rest.len()));
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        let digits = behind.first_chunk().filter(|_| byte == b'%').map(|digits: &[u8; 2]| digits.map(hex));
        if let Some([Some(high), Some(low)]) = digits {
            decoded.push(high << 4 | low);
            rest = &behind[2..];
        } else {
            decoded.push(byte);
        }
    }
    decoded
}

/// The name as people mean it: browsers write some of its characters as percent escapes, and nobody means the blanks around.
fn meant(name: &[u8]) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(without_percents(name).trim_ascii().to_vec())
}

/// Name and value.
type HeadField<'a> = (&'a [u8], Vec<u8>);

/// The fields of a head, folded ones made whole (RFC 5322, section 2.2.3).
fn fields(head: &[u8]) -> Result<Vec<HeadField<'_>>, &'static str> {
    let mut fields: Vec<HeadField<'_>> = Vec::new();
    for line in head.split(|&byte| byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if memchr::memchr2(b'\r', 0, line).is_some() {
            return Err("control character in the head of a part");
        }
        if line.is_empty() {
            continue;
        }
        if matches!(line[0], b' ' | b'\t') {
            let (_, value) = fields.last_mut().ok_or("folded line without a field in the head of a part")?;
            if !value.is_empty() {
                value.push(b' ');
            }
            value.extend_from_slice(line.trim_ascii());
        } else {
            let colon = memchr::memchr(b':', line).ok_or("line without a colon in the head of a part")?;
            fields.push((line[..colon].trim_ascii(), line[colon + 1..].trim_ascii().to_vec()));
        }
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(head: &str) -> Result<Option<Vec<u8>>, &'static str> {
        let head = format!("Content-Disposition: form-data{head}\r\n\r\n");
        read(head.as_bytes(), false).map(|head| head.label.name.map(|name| name.to_vec()))
    }

    #[test]
    fn a_field_s_name_is_read_in_every_writing() {
        for (head, expected) in [
            ("; name=\"db_password\"", "db_password"),
            ("; name=db_password", "db_password"),
            ("; NAME = db_password ; x=1", "db_password"),
            (";\r\n name=\"db_password\"", "db_password"),
            ("; filename=\"a; name=b\"; name=\"db_\\password\"", "db_password"),
            ("; name*=UTF-8''db%5Fpassword", "db_password"),
            ("; name*=UTF-8'en'db_password", "db_password"),
            ("; name*=db%5fpassword%2", "db_password%2"),
            ("; name=\"a\"; name*=UTF-8''a", "a"),
            ("; name=\"db_password\t\"", "db_password"),
            ("; name=\" db_password \"", "db_password"),
            ("; name=\"db%5Fp%61ssword\"", "db_password"),
            ("; name=\"user%5Bpassword%5d\"", "user[password]"),
            ("; name=\"db_password%0D%0A\"", "db_password"),
        ] {
            assert_eq!(name(head).unwrap().unwrap(), expected.as_bytes(), "{head}");
        }
        assert_eq!(name("; filename=\"name=x\""), Ok(None));
        for head in ["; name=a; name=b", "; name=\"a\"; name*=UTF-8''b", "; name*0=a; name*1=b"] {
            assert_eq!(name(head), Err("two names of a part"), "{head}");
        }
    }

    #[test]
    fn folded_lines_are_one_in_the_view() {
        for (head, expected) in [
            ("a: b\r\nc: d\r\n\r\n", "a: b\r\nc: d\r\n\r\n"),
            ("a:\r\n b\r\n\r\n", "a: b\r\n\r\n"),
            ("a: b \t\r\n\t  c\n d\r\n\r\n", "a: b c d\r\n\r\n"),
            ("a: b\r\n \r\n c\r\n\r\n", "a: b  c\r\n\r\n"),
        ] {
            let mut view = DecodedView::new();
            view.begin(&LeftContext::new());
            unfold(&mut view, head.as_bytes());
            view.finish(head.as_bytes());
            assert_eq!(String::from_utf8_lossy(view.text(head.as_bytes())), expected, "{head:?}");
        }
    }

    #[test]
    fn a_file_has_the_name_of_its_value_alone() {
        let kept = |is_file, content: Option<&[u8]>| {
            let name = Some(Zeroizing::new(b"a".to_vec()));
            let mut label = PartLabel { is_text: false, is_file, name };
            label.keep_name_of_value(content);
            label.name.is_some()
        };
        assert!(kept(false, None) && kept(false, Some(b"x\ny")));
        assert!(kept(true, Some(b"x\r\n")) && kept(true, Some(b"x\0\r\0\n\0")) && kept(true, Some(b"")));
        assert!(!kept(true, None) && !kept(true, Some(b"x\ny")));
        assert!(kept(true, Some(&[b'x'; MAX_FILE_VALUE])) && !kept(true, Some(&[b'x'; MAX_FILE_VALUE + 1])));
    }
}
