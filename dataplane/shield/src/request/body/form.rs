//! `application/x-www-form-urlencoded` bodies: scanned with `%41` and `+` decoded. A token needs no encoding.

use crate::format::hex;
use crate::request::body::flat::{FlatFormat, replace_findings};
use crate::request::body::step::{BodyStep, Input};
use crate::request::refusal::Refusal;
use crate::request::scan::view::{DecodedView, LeftContext};

/// The state between two windows of a form.
pub(crate) struct FormBody {
    left_context: LeftContext,
    /// Fields that ended so far.
    fields: usize,
}

impl FormBody {
    /// A form that stands behind a text, which says what its first value is.
    pub(crate) fn behind(left_context: LeftContext) -> Self {
        Self { left_context, fields: 0 }
    }

    /// See [`crate::request::Tokenizer::push`]; a window that is not the last is large enough to settle something.
    pub(crate) fn process(&mut self, step: &mut BodyStep<'_>, input: Input<'_>) -> Result<usize, Refusal> {
        let view = &mut step.scratch.view;
        view.begin(&self.left_context);
        let raw = &input.bytes[..decode(view, input.bytes, input.last)];
        view.finish(raw);
        let settled = step.scratch.scan(raw, input.last, true);
        step.scratch.complete_fields(raw, settled, input.last);
        let fields = FormFields { before: self.fields };
        let consumed = replace_findings(&fields, step, raw, settled)?.consumed;
        self.fields += ampersands(&raw[..consumed]);
        let view = &step.scratch.view;
        self.left_context.keep(view, raw, view.view_of(consumed));
        Ok(consumed)
    }
}

/// The fields of a form, which are replaced one by one, so that they stay fields.
struct FormFields {
    /// Those that ended before the window.
    before: usize,
}

impl FlatFormat for FormFields {
    const SEPARATOR: Option<u8> = Some(b'&');

    fn place(&self, before: &[u8]) -> String {
        format!("field[{}]", self.before + ampersands(before))
    }
}

fn ampersands(raw: &[u8]) -> usize {
    memchr::memchr_iter(b'&', raw).count()
}

/// Builds the view and says where it ends: before an escape that is cut.
fn decode(view: &mut DecodedView, window: &[u8], last: bool) -> usize {
    for at in memchr::memchr2_iter(b'%', b'+', window) {
        if window[at] == b'+' {
            view.unit(window, b" ", at, at + 1);
            continue;
        }
        match window.get(at + 1..at + 3) {
            Some(&[high, low]) => {
                if let (Some(high), Some(low)) = (hex(high), hex(low)) {
                    view.unit(window, &[high << 4 | low], at, at + 3);
                }
            }
            _ if last => {}
            _ => return at,
        }
    }
    window.len()
}

#[cfg(test)]
mod tests {
    use crate::format::Format;
    use crate::request::scan::view::WINDOW;
    use crate::request::tests::support::{AWS, PAT, PEM, run, run_pieces, shield};
    use crate::request::tokenizer::Tokenizer;

    fn encode(text: &str) -> String {
        text.bytes().fold(String::new(), |out, byte| match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'A'..=b'Z' => out + &char::from(byte).to_string(),
            b' ' => out + "+",
            _ => out + &format!("%{byte:02X}"),
        })
    }

    #[test]
    fn a_password_is_its_whole_field_whatever_it_is_made_of() {
        for password in [
            "Xq7f&Kw29LmTz",
            "Xq7f#K\"w29'Lm",
            "\"Xq7fKw29LmTz",
            " Xq7fKw29, LmTz;",
            "Xq7f,Kw29<LmTz>=",
            "Xq7fKw29LmTz&",
            "=Xq7f%20Kw29LmTz",
            ">Xq7fKw29LmTz/",
            "f\"Xq7f&Kw29LmTz",
            "b'Xq7f#Kw29LmTz",
            "~Xq7fKw29LmTz",
            "[Xq7f&Kw29LmTz",
            "bRXq7f&Kw29LmTz",
            "=oUtcxl0yL2%20rl1URwAN2",
        ] {
            for (before, behind) in [
                ("user=b&password=", "&x=1"),
                ("password=", ""),
                ("user%5Bpassword%5D=", "&q=a+b"),
                ("a=1&user[password]=", ""),
            ] {
                let body = format!("{before}{}{behind}", encode(password));
                let (out, outcome) = run(Format::Form, body.as_bytes()).unwrap();
                let tokens: Vec<_> = outcome.vault.tokens().collect();
                assert_eq!(tokens.len(), 1, "{body}");
                assert_eq!(outcome.vault.resolve(tokens[0]), Some(password.as_bytes()), "{body}");
                let out = String::from_utf8(out).unwrap();
                assert_eq!(out, format!("{before}{}{behind}", tokens[0].as_str()));
                let pieces: Vec<&[u8]> = body.as_bytes().chunks(3).collect();
                let (cut, _) = run_pieces(Tokenizer::new(shield(), Format::Form), &pieces).unwrap();
                assert_eq!(String::from_utf8(cut).unwrap(), out);
            }
        }
    }

    #[test]
    fn a_password_is_whole_at_every_border_of_windows() {
        let field = format!("&password={}&x=1", encode("Xq7f&K#w29 LmTz"));
        for at in 0..field.len() {
            let body = format!("a={}{field}", "b".repeat(WINDOW - 2 - at));
            let (out, _) = run(Format::Form, body.as_bytes()).unwrap();
            let out = String::from_utf8(out).unwrap();
            assert!(!out.contains("Xq7f") && !out.contains("LmTz") && out.ends_with("&x=1"), "{at}");
        }
    }

    #[test]
    fn a_password_behind_a_long_name_is_whole_at_every_border_of_windows() {
        // The first delimiter comes too early for the view to show a password.
        for value in [encode("Xq7#Kw2&9LmTz&a=4R"), format!("{}{}", encode("Xq7#"), "Kw29LmTz4R".repeat(38))]
        {
            let field = format!("&{}password={value}&x=1", "n".repeat(50));
            for at in (0..600).step_by(7) {
                let body = format!("a={}{field}{}", "b".repeat(WINDOW - 2 - at), "&c=d".repeat(40));
                let (out, _) = run(Format::Form, body.as_bytes()).unwrap();
                let out = String::from_utf8(out).unwrap();
                assert!(!out.contains("Kw2") && !out.contains("4R") && out.contains("&x=1"), "{at} {out}");
            }
        }
    }

    /// Each stands in a text that is scanned with those of all others, once.
    #[test]
    fn many_fields_are_completed_at_once() {
        let field = |index: usize| {
            format!("p{index}_password={}&n{index}=a%26b", encode(&format!("q#{index}Xq7f,Kw29LmTz")))
        };
        let body = (0..2000).map(field).collect::<Vec<_>>().join("&");
        let (out, outcome) = run(Format::Form, body.as_bytes()).unwrap();
        let out = String::from_utf8(out).unwrap();
        assert_eq!(outcome.vault.len(), 2000);
        assert!(!out.contains("Xq7f") && !out.contains("Kw29") && !out.contains("q%23"));
        assert_eq!(out.matches("=a%26b").count(), 2000);
    }

    #[test]
    fn what_does_not_begin_a_field_ends_where_it_did() {
        for (body, kept) in [
            ("text=it+is+password%3DXq7fKw29LmTz+and+more&x=1".to_owned(), "+and+more&x=1"),
            (format!("text={PAT}+is+it"), "+is+it"),
            ("password=%22Xq7fKw29LmTz%22&x=1".to_owned(), "%22&x=1"),
        ] {
            let (out, outcome) = run(Format::Form, body.as_bytes()).unwrap();
            assert_eq!(outcome.vault.len(), 1, "{body}");
            assert!(String::from_utf8(out).unwrap().ends_with(kept), "{body}");
        }
    }

    #[test]
    fn encoded_secrets_are_found() {
        let filler = encode(&"x % y & z\n".repeat(WINDOW / 8));
        let body = format!("first={filler}&key={}&a={AWS}&pem={}+%zz&end=%4", encode(PAT), encode(PEM));
        let (out, outcome) = run(Format::Form, body.as_bytes()).unwrap();
        let mut restored = String::from_utf8(out.clone()).unwrap();
        assert_eq!(outcome.vault.len(), 3);
        for token in outcome.vault.tokens() {
            let secret = std::str::from_utf8(outcome.vault.resolve(token).unwrap()).unwrap();
            assert!([PAT, AWS].contains(&secret) || PEM.lines().nth(1) == Some(secret));
            restored = restored.replace(token.as_str(), &encode(secret));
        }
        assert!(restored == body);
        let places: Vec<_> = outcome.report.findings().iter().map(|p| p.place.as_str()).collect();
        assert_eq!(places, ["field[1]", "field[2]", "field[3]"]);
        for size in [999, WINDOW + 1] {
            let pieces: Vec<&[u8]> = body.as_bytes().chunks(size).collect();
            let (cut, _) = run_pieces(Tokenizer::new(shield(), Format::Form), &pieces).unwrap();
            assert!(cut == out);
        }
    }
}
