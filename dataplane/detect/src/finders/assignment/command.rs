//! Credentials in commands: `curl -u user:password`, `sshpass -p password`, `echo password | sudo -S`.
//!
//! The engine finds the command's name; its words are read as a shell reads them, and the word that the command takes
//! for a password is judged.

use super::devices::{self, SETTINGS};
use super::password_source::PasswordSource::{
    self, Before, Behind, First, Glued, Option as Opt, Piped, Printed, Word,
};
use super::password_source::WordPart::{self, Colon, Field, Percent, Slash, Whole};
use super::quotes;
use super::{printed, prose};
use crate::bytes::{ALNUM, DIGIT};
use crate::candidate::{Candidate, Candidates, Tail, rank};
use crate::plausibility::value;
use crate::text::cursor::{Cursor, is_line_start};
use crate::text::{Span, TextView, TooShort};

/// How far from the command's name a credential may begin, in bytes.
const REACH: usize = 190;
/// So many bytes of a word are read; what follows belongs to a credential that passes.
const MAX_VALUE: usize = 200;
/// How many line ends and blanks may stand between the words of a list.
const MAX_GAP: usize = 40;
/// How many words of a command are read.
const MAX_WORDS: usize = 24;

/// Commands and how they take passwords. Lower case.
const COMMANDS: &[(&str, &[PasswordSource])] = &[
    ("curl", &[Opt(&["-u", "--user", "--proxy-user"], Colon), Glued("-u", Colon)]),
    ("wget", &[Opt(&["--user-password"], Whole)]),
    ("httpie", &[Opt(&["-a", "--auth"], Colon)]),
    ("http get", &[Opt(&["-a", "--auth"], Colon)]),
    ("http post", &[Opt(&["-a", "--auth"], Colon)]),
    ("http -a", &[Word(0, Colon)]),
    ("sshpass", &[Opt(&["-p"], Whole), Glued("-p", Whole)]),
    ("mysql", &[Glued("-p", Whole)]),
    ("mysqldump", &[Glued("-p", Whole)]),
    ("mysqladmin", &[Glued("-p", Whole)]),
    ("mysqlimport", &[Glued("-p", Whole)]),
    ("mariadb", &[Glued("-p", Whole)]),
    ("redis-cli", &[Opt(&["-a"], Whole)]),
    ("mongodump", &[Opt(&["-p"], Whole)]),
    ("mongorestore", &[Opt(&["-p"], Whole)]),
    ("mongosh", &[Opt(&["-p"], Whole)]),
    ("mongo", &[Opt(&["-p"], Whole)]),
    ("docker login", &[Opt(&["-p"], Whole)]),
    ("podman login", &[Opt(&["-p"], Whole)]),
    ("registry login", &[Opt(&["-p"], Whole)]),
    ("az login", &[Opt(&["-p"], Whole)]),
    ("oc login", &[Opt(&["-p"], Whole)]),
    ("cf login", &[Opt(&["-p"], Whole)]),
    ("psexec", &[Opt(&["-p"], Whole)]),
    ("evil-winrm", &[Opt(&["-p"], Whole)]),
    ("ldapsearch", &[Opt(&["-w"], Whole)]),
    ("ldapmodify", &[Opt(&["-w"], Whole)]),
    ("ldapadd", &[Opt(&["-w"], Whole)]),
    ("ldapdelete", &[Opt(&["-w"], Whole)]),
    ("ldapwhoami", &[Opt(&["-w"], Whole)]),
    ("smbclient", &[Opt(&["-U", "--user"], Percent)]),
    ("rpcclient", &[Opt(&["-U", "--user"], Percent)]),
    ("winexe", &[Opt(&["-U", "--user"], Percent)]),
    ("sqlcmd", &[Opt(&["-P"], Whole), Glued("-P", Whole)]),
    ("bcp", &[Opt(&["-P"], Whole), Glued("-P", Whole)]),
    ("sqlplus", &[Word(0, Slash)]),
    ("zip -p", &[Word(0, Whole)]),
    ("log in as", &[Behind(&["/"])]),
    ("7z a", &[Glued("-p", Whole)]),
    ("7z x", &[Glued("-p", Whole)]),
    ("ssh-keygen", &[Opt(&["-N", "-P"], Whole)]),
    ("openssl ", &[Glued("pass:", Whole)]),
    ("htpasswd -b", &[Word(2, Whole)]),
    ("htpasswd -cb", &[Word(2, Whole)]),
    ("htpasswd -bc", &[Word(2, Whole)]),
    ("htpasswd -nb", &[Word(1, Whole)]),
    ("htpasswd -bn", &[Word(1, Whole)]),
    ("net use", &[Word(2, Whole)]),
    ("net user", &[Word(1, Whole)]),
    ("xfreerdp", &[Glued("/p:", Whole)]),
    ("operator unseal", &[Word(0, Whole)]),
    ("vault login", &[Word(0, Whole)]),
    ("rabbitmqctl add_user", &[Word(1, Whole)]),
    ("rabbitmqctl change_password", &[Word(1, Whole)]),
    ("kubectl create secret", &[Opt(&["--from-literal"], Field)]),
    ("chpasswd", &[Piped(Colon)]),
    ("sudo -s", &[Piped(Whole)]),
    ("password-stdin", &[Piped(Whole)]),
    ("passwd --stdin", &[Piped(Whole)]),
    ("log in as", &[Behind(&["/"])]),
    ("pass show", &[Printed]),
    ("initial-password", &[Printed]),
    ("bw get password", &[Printed]),
    ("find-generic-password", &[Printed]),
    ("@tcp(", &[Before]),
    ("@unix(", &[Before]),
];

/// Whether a rule may name this command.
pub(crate) fn is_known(command: &str) -> bool {
    COMMANDS.iter().chain(SETTINGS).any(|(name, _)| *name == command)
}

/// Looks at the words of the command whose name is `text[start..end]`.
pub(crate) fn find(candidates: &mut Candidates, view: TextView<'_>, rule: u16, Span { start, end }: Span) {
    let name = &view.text[start..end];
    let is_named = |(n, _): &&(&str, &[PasswordSource])| n.as_bytes().eq_ignore_ascii_case(name);
    let setting = SETTINGS.iter().find(is_named);
    let Some((_, sources)) = setting.or_else(|| COMMANDS.iter().find(is_named)) else { return };
    if setting.is_some() && !devices::begins_line(view.text, start) {
        return;
    }
    let glued = |b: &u8| ALNUM.has(*b) || matches!(b, b'_' | b'-' | b'.');
    let piped = sources.iter().any(|t| matches!(t, Piped(_) | Before));
    let escape = start > 1 && view.text[start - 2] == b'\\' && matches!(view.text[start - 1], b'n' | b't');
    // The sign of a diff.
    let signed = start > 0 && view.text[start - 1] == b'-' && is_line_start(view.text, start - 1);
    if !piped && !escape && !signed && start > 0 && glued(&view.text[start - 1]) {
        return;
    }
    let mut found = Vec::new();
    // A blank only made the name rarer.
    let end = start + name.trim_ascii_end().len();
    let outcome = match sources {
        [Printed] => printed::below(view, end),
        _ if piped => echoed(view, start, sources),
        _ => words(view, end, sources, &mut found),
    };
    match outcome {
        Err(TooShort) => return candidates.open(start),
        Ok(Some(span)) => found.push(span),
        Ok(None) => {}
    }
    for Span { start: from, end: to } in found {
        let secret = &view.text[from..to];
        let is_far = from.abs_diff(start) > REACH || is_plain(sources, secret);
        let Some(confidence) = value::confidence_in_command(secret).filter(|_| !is_far) else {
            continue;
        };
        // A word that was read to its end stands before a blank, a quote or another sign.
        let tail = Tail::of_word(view.text, to).filter(|_| to - from > MAX_VALUE / 2);
        candidates.add(Candidate { span: Span::new(from, to), rule, rank: rank::PLACE, confidence }, tail);
    }
}

/// Whether what stands in a setting, or behind a user's name in a sentence, could be a word.
fn is_plain(sources: &[PasswordSource], secret: &[u8]) -> bool {
    sources.iter().any(|source| match source {
        Behind(["/"]) => prose::is_word(secret),
        Behind(_) | First => devices::is_plain(secret),
        _ => false,
    })
}

/// Reads the command's words and collects what its sources give.
fn words(
    view: TextView<'_>,
    end: usize,
    sources: &[PasswordSource],
    found: &mut Vec<Span>,
) -> Result<Option<Span>, TooShort> {
    let mut cursor = Cursor::new(view, end);
    cursor.word(b".exe")?;
    // `["curl", "-u", "x:y"]`: a list of words.
    let run = cursor.backslashes()?;
    if matches!(cursor.look(run)?, b'"' | b'\'') && matches!(cursor.look(run + 1)?, b',' | b' ') {
        cursor.at += run + 2;
        cursor.blanks(4)?;
        return listed(cursor, end, sources, found);
    }
    // The name must end here.
    if !matches!(cursor.peek()?, b' ' | b'\t' | b'\\' | b'\n' | b'\r') {
        return Ok(None);
    }
    let mut position = 0;
    for _ in 0..MAX_WORDS {
        let Some(word) = next_word(&mut cursor, end)? else { break };
        let text = &view.text[word];
        let mut taken = None;
        for source in sources {
            match source {
                Opt(names, part) => {
                    if names.iter().any(|n| n.as_bytes() == text) {
                        taken = next_word(&mut cursor, end)?.map(|w| (w, *part));
                    } else if let Some(n) = names.iter().find(|n| {
                        n.starts_with("--")
                            && text.starts_with(n.as_bytes())
                            && text.get(n.len()) == Some(&b'=')
                    }) {
                        taken = Some((Span::new(word.start + n.len() + 1, word.end), *part));
                    }
                }
                Glued(mark, part) if text.len() > mark.len() && text.starts_with(mark.as_bytes()) => {
                    let long = text.len() > 5 && text[..5].eq_ignore_ascii_case(b"-pass");
                    taken = (!long).then_some((Span::new(word.start + mark.len(), word.end), *part));
                }
                First if position == 0 => {
                    taken = past_kinds(&mut cursor, end, Some(word))?.map(|w| (w, Whole));
                }
                Behind(names) if names.iter().any(|n| n.as_bytes().eq_ignore_ascii_case(text)) => {
                    let next = next_word(&mut cursor, end)?;
                    taken = past_kinds(&mut cursor, end, next)?.map(|w| (w, Whole));
                }
                Word(nth, part) if *nth == position && text[0] != b'-' => taken = Some((word, *part)),
                _ => {}
            }
            if let Some((word, part)) = taken {
                found.extend(secret(view.text, word, part));
                break;
            }
        }
        position += usize::from(text[0] != b'-');
    }
    Ok(None)
}

/// Reads the words of a command that is written as a list, or as the kernel's audit has it (`a1="-u" a2="x:y"`), and collects
/// what follows its options.
fn listed(
    mut cursor: Cursor<'_>,
    end: usize,
    sources: &[PasswordSource],
    found: &mut Vec<Span>,
) -> Result<Option<Span>, TooShort> {
    let mut awaited = None;
    for _ in 0..MAX_WORDS {
        cursor.spaces(MAX_GAP)?;
        let mut number = cursor;
        if number.take(b'a')? && number.skip(&DIGIT, 3)? > 0 && number.take(b'=')? {
            cursor = number;
        }
        let Some(quote) = quotes::opening_quote(&mut cursor)? else { break };
        let Some(word) = quotes::string(cursor, quote)? else { break };
        if word.start - end > REACH {
            break;
        }
        if let Some(part) = awaited.take() {
            found.extend(secret(cursor.view.text, word, part));
        }
        let text = &cursor.view.text[word.range()];
        awaited = sources.iter().find_map(|source| match source {
            Opt(names, part) => names.iter().any(|name| name.as_bytes() == text).then_some(*part),
            _ => None,
        });
        cursor.at = word.end;
        if !quotes::closes(&mut cursor, quote)? {
            break;
        }
        cursor.take(b',')?;
    }
    Ok(None)
}

/// The word itself, or the first behind it that does not say how a secret is written.
fn past_kinds(cursor: &mut Cursor<'_>, name: usize, word: Option<Span>) -> Result<Option<Span>, TooShort> {
    let mut word = word;
    while let Some(kind) = word.filter(|word| devices::is_kind(&cursor.view.text[word.range()])) {
        // The last word is the secret, whatever it says.
        match next_word(cursor, name)? {
            None => return Ok(Some(kind)),
            next => word = next,
        }
    }
    Ok(word)
}

/// The next word of a command and where it ends; `None` at the command's end or too far from its name.
fn next_word(cursor: &mut Cursor<'_>, name: usize) -> Result<Option<Span>, TooShort> {
    loop {
        cursor.blanks(40)?;
        if !continued(cursor)? {
            break;
        }
    }
    let start = cursor.at;
    if start - name > REACH {
        return Ok(None);
    }
    let mut open: Option<(u8, usize)> = None;
    let (first, mut before) = (cursor.peek()?, b' ');
    while cursor.at - start < MAX_VALUE {
        let byte = cursor.peek()?;
        if byte == 0 || cursor.line_end()? {
            break;
        }
        let run = cursor.backslashes()?;
        let quote = cursor.look(run)?;
        if matches!(quote, b'"' | b'\'') {
            match open {
                None if before != b' ' && is_closing_quote(first, before, cursor.look(run + 1)?) => break,
                None => open = Some((quote, cursor.at)),
                Some((q, _)) if q == quote => open = None,
                Some(_) => {}
            }
            before = quote;
            cursor.at += run + 1;
            continue;
        }
        if open.is_none() && matches!(byte, b' ' | b'\t' | b'|' | b';' | b'&' | b')' | b'<' | b'>' | b'`') {
            break;
        }
        before = byte;
        cursor.at += run.max(1);
    }
    // What no quote ends in sight did not begin there.
    if let Some((_, at)) = open.filter(|(_, at)| *at > start) {
        cursor.at = at;
    }
    Ok((cursor.at > start).then_some(Span::new(start, cursor.at)))
}

/// Whether a quote inside a word that begins with `first` ends the string around the command: behind a letter, unless
/// a value is glued to its option (`-p"x"`), and before what goes on behind a string.
fn is_closing_quote(first: u8, before: u8, after: u8) -> bool {
    (first != b'-' && ALNUM.has(before))
        || matches!(after, 0 | b',' | b')' | b']' | b'}' | b';' | b' ' | b'\n')
}

/// Takes a backslash before a line end, in whatever writing: the command goes on.
fn continued(cursor: &mut Cursor<'_>) -> Result<bool, TooShort> {
    let run = cursor.backslashes()?;
    let next = cursor.look(run)?;
    let width = match (run, next) {
        (1, b'\n') => 2,
        (1, b'\r') => 3,
        // Inside a string, once or twice.
        (3 | 6, b'n') => run + 1,
        _ => return Ok(false),
    };
    cursor.at += width;
    Ok(true)
}

/// `echo password | command`: the word before the pipe.
fn echoed(view: TextView<'_>, start: usize, sources: &[PasswordSource]) -> Result<Option<Span>, TooShort> {
    // All of it stands before the name.
    let view = TextView { text: &view.text[..start], last: true };
    let from = start.saturating_sub(REACH);
    let before = &view.text[from..];
    if matches!(sources, [Before]) {
        let stop = |b: &u8| matches!(b, b':' | b' ' | b'"' | b'\'' | b'`' | b'\n' | b'\\' | b'/');
        let colon = before.iter().rposition(stop).filter(|i| before[*i] == b':' && *i > 0);
        return Ok(colon.filter(|i| ALNUM.has(before[i - 1])).map(|i| Span::new(from + i + 1, start)));
    }
    let Some(at) = memchr::memmem::rfind(before, b"echo ") else { return Ok(None) };
    let mut cursor = Cursor::new(view, from + at + 5);
    cursor.word(b"-n ")?;
    let Some(word) = next_word(&mut cursor, from + at)? else { return Ok(None) };
    cursor.blanks(4)?;
    let piped = cursor.peek()? == b'|';
    let part = sources.iter().find_map(|t| if let Piped(part) = t { Some(*part) } else { None });
    Ok(part.filter(|_| piped).and_then(|part| secret(view.text, word, part)))
}

/// The secret in a word, without quotes.
fn secret(text: &[u8], word: Span, part: WordPart) -> Option<Span> {
    let Span { start, end } = bare(text, word);
    let inside = &text[start..end];
    let find = |byte| memchr::memchr(byte, inside).map(|i| start + i);
    match part {
        Whole => Some(Span::new(start, end)),
        Percent => find(b'%').map(|at| bare(text, Span::new(at + 1, end))),
        Field => find(b'=').map(|at| bare(text, Span::new(at + 1, end))),
        Slash => {
            let slash = find(b'/')?;
            let sign = memchr::memchr(b'@', &text[slash..end]).map_or(end, |i| slash + i);
            Some(Span::new(slash + 1, sign))
        }
        Colon => {
            let colon = find(b':')?;
            if matches!(inside[0], b'<' | b'$') {
                return None;
            }
            // A key alone stands before the colon, with nothing behind it.
            if colon + 1 == end {
                let key = &text[start..colon];
                return (key.len() >= 8 && key.iter().any(u8::is_ascii_digit))
                    .then_some(Span::new(start, colon));
            }
            let password = bare(text, Span::new(colon + 1, end));
            // `test:test` opens nothing that matters.
            let same = text[password] == text[start..colon] && !text[password].iter().any(u8::is_ascii_digit);
            (!same).then_some(password)
        }
    }
}

/// A word without the quotes around it, however they are escaped.
fn bare(text: &[u8], Span { mut start, mut end }: Span) -> Span {
    let quote = |b: u8| matches!(b, b'"' | b'\'');
    let lead = text[start..end].iter().take_while(|b| **b == b'\\').count();
    if start + lead < end && quote(text[start + lead]) {
        start += lead + 1;
    }
    if end > start && quote(text[end - 1]) {
        end -= 1;
        while end > start && text[end - 1] == b'\\' {
            end -= 1;
        }
    }
    Span::new(start, end.max(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_of_a_word() {
        let of = |word: &str, part| {
            secret(word.as_bytes(), Span::new(0, word.len()), part)
                .map(|span| word[span].to_owned())
                .unwrap_or_default()
        };
        assert_eq!(of("'joe:open sesame'", Colon), "open sesame");
        assert_eq!(of("joe:'sesame'", Colon), "sesame");
        assert_eq!(of("\\\"joe\\\":\\\"sesame\\\"", Colon), "sesame");
        assert_eq!(of("k7Vq82kLm:", Colon), "k7Vq82kLm");
        assert_eq!(of("username:", Colon), "");
        assert_eq!(of("$U:$P", Colon), "");
        assert_eq!(of("joe%sesame", Percent), "sesame");
        assert_eq!(of("scott/tiger@db", Slash), "tiger");
        assert_eq!(of("a=b=c", Field), "b=c");
    }

    #[test]
    fn a_command_goes_on_behind_a_backslash() {
        for text in ["a \\\n b", "a \\\\\\n b", "a \\\r\n b"] {
            let mut cursor = Cursor::new(TextView { text: text.as_bytes(), last: true }, 1);
            let word = next_word(&mut cursor, 0).ok().flatten();
            assert_eq!(word, Some(Span::new(text.len() - 1, text.len())), "{text:?}");
        }
        let mut ended = Cursor::new(TextView { text: b"a \\n b", last: true }, 1);
        assert_eq!(next_word(&mut ended, 0).ok().flatten(), None);
    }
}
