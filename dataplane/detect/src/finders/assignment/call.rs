//! Passwords as arguments of calls that take a user and a password: `NetworkCredential("user", "password")`.

use super::{prose, quotes};
use crate::bytes::{ByteSet, DIGIT, WORD};
use crate::candidate::{Candidate, Candidates, rank};
use crate::plausibility::{shape::is_random, value};
use crate::text::cursor::Cursor;
use crate::text::{Span, TextView, TooShort};

/// How far behind the call's name the password may begin, in bytes.
const REACH: usize = 190;
/// The longest gap of blanks and line ends between arguments.
const MAX_SPACES: usize = 60;

/// What must be true of a call before its argument is taken for a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Evidence {
    /// Its name says it.
    Name,
    /// The arguments before it are literals.
    Literals,
    /// They are, or are none, and it is no word: the name is one of other calls, too.
    Noise,
    /// It is no word.
    NoWord,
}

use Evidence::{Literals, Name, NoWord, Noise};

/// Calls and the place of the password among their arguments, from one; lower case.
const CALLS: &[(&str, usize, Evidence)] = &[
    ("networkcredential(", 2, Name),
    ("pscredential(", 2, Name),
    ("pscredential (", 2, Name),
    ("sqlcredential(", 2, Name),
    ("usernamepasswordcredentials(", 2, Name),
    ("passwordauthentication(", 2, Name),
    ("directoryentry(", 3, Name),
    ("httpbasicauth(", 2, Name),
    ("httpdigestauth(", 2, Name),
    ("setbasicauth(", 2, Name),
    ("basic_auth(", 2, Name),
    ("basicauth(", 2, Literals),
    ("basicauthentication(", 2, Literals),
    ("credentials.basic(", 2, Name),
    ("getconnection(", 3, Name),
    ("mysqli_connect(", 3, Name),
    ("new mysqli(", 3, Name),
    ("mysql_connect(", 3, Name),
    ("new pdo(", 3, Name),
    ("mysql_pconnect(", 3, Name),
    ("mssql_connect(", 3, Name),
    ("odbc_connect(", 3, Name),
    ("dbi->connect(", 3, Name),
    ("dbi.connect(", 3, Name),
    ("mysqldb.connect(", 3, Name),
    ("pymysql.connect(", 3, Name),
    ("pymssql.connect(", 3, Name),
    ("new sequelize(", 3, Name),
    ("google.auth.oauth2(", 2, Literals),
    ("oci_connect(", 2, Literals),
    ("ftp_login(", 3, Name),
    ("imap_open(", 3, Name),
    ("ldap_bind(", 3, Name),
    ("auth_password(", 3, Name),
    ("plainauth(", 3, Name),
    (".login(", 2, Literals),
    (".auth(", 2, Literals),
    ("auth=(", 2, Literals),
    ("auth = (", 2, Literals),
    ("basic_auth ", 2, Literals),
    ("fernet(", 1, NoWord),
    ("jwt.sign(", 2, NoWord),
    ("jwt.verify(", 2, NoWord),
    ("jwt.encode(", 2, NoWord),
    ("jwt.decode(", 2, NoWord),
    ("createhmac(", 2, NoWord),
    ("hash_hmac(", 3, NoWord),
    ("hmac.new(", 1, NoWord),
    ("pbkdf2_hmac(", 2, NoWord),
    ("pbkdf2sync(", 1, NoWord),
    ("scryptsync(", 1, NoWord),
    ("openssl_encrypt(", 3, NoWord),
    ("createcipheriv(", 2, NoWord),
    ("cookieparser(", 1, NoWord),
    ("wifi.begin(", 2, NoWord),
    ("oracle.connect(", 2, Literals),
    ("oracledb.connect(", 2, Literals),
    (".connect(", 3, Noise),
    (".connect(", 4, Noise),
    ("simple_bind_s(", 2, NoWord),
    ("signinwithemailandpassword(", 2, NoWord),
    ("signinwithemailandpassword(", 3, NoWord),
    ("urlsafetimedserializer(", 1, NoWord),
];

/// Whether a rule may name this call.
pub(crate) fn is_known(call: &str) -> bool {
    CALLS.iter().any(|(name, ..)| *name == call)
}

/// Looks at the arguments of the call whose name is `text[start..end]`.
pub(crate) fn find(candidates: &mut Candidates, view: TextView<'_>, rule: u16, Span { start, end }: Span) {
    let name = &view.text[start..end];
    for (_, place, evidence) in CALLS.iter().filter(|(n, ..)| n.as_bytes().eq_ignore_ascii_case(name)) {
        let literal = matches!(evidence, Literals | Noise);
        match argument(view, end, *place, literal) {
            Err(TooShort) => candidates.open(start),
            Ok(Some(span)) if span.start - start <= REACH => {
                let secret = &view.text[span];
                if matches!(evidence, Noise | NoWord) && is_word(secret) {
                    continue;
                }
                let Some(confidence) = value::confidence_in_command(secret) else { continue };
                candidates.push(Candidate { span, rule, rank: rank::PLACE, confidence });
            }
            Ok(_) => {}
        }
    }
}

/// Whether a literal could be a word, an address, a path or an algorithm.
fn is_word(value: &[u8]) -> bool {
    const ALGORITHMS: [&[u8]; 6] = [b"sha", b"md5", b"aes", b"hs", b"rs", b"es"];
    let lower = value.to_ascii_lowercase();
    let is_algorithm = value.len() < 10 && ALGORITHMS.iter().any(|head| lower.starts_with(head));
    let is_host = value.contains(&b'.')
        && value.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-.:".contains(byte));
    let is_path = value.contains(&b'/') && !is_random(value, 16, 2);
    is_algorithm || is_host || is_path || prose::is_word(value)
}

/// The extent of the literal that is the call's n-th argument.
fn argument(view: TextView<'_>, end: usize, place: usize, literal: bool) -> Result<Option<Span>, TooShort> {
    let mut cursor = Cursor::new(view, end);
    for _ in 1..place {
        if !skip(&mut cursor, literal)? {
            return Ok(None);
        }
    }
    cursor.spaces(MAX_SPACES)?;
    wrapped(&mut cursor)?;
    let Some(quote) = quotes::opening_quote(&mut cursor)? else { return Ok(None) };
    let Some(span) = quotes::string(cursor, quote)? else { return Ok(None) };
    // Where a literal is put together with something else it is not the whole.
    let mut behind = Cursor::new(view, span.end);
    behind.skip(&ByteSet::of(b"\\"), 7)?;
    behind.at += 1;
    behind.blanks(4)?;
    let converts = behind.any_word(&[
        b".encode(",
        b".getbytes(",
        b".tochararray(",
        b".into(",
        b".to_string(",
        b".as_bytes(",
    ])?;
    Ok((converts || !matches!(behind.peek()?, b'+' | b'.' | b'%')).then_some(span))
}

/// `Some(`, `String::from(` before a literal.
fn wrapped(cursor: &mut Cursor<'_>) -> Result<(), TooShort> {
    let mut ahead = *cursor;
    ahead.skip(&WORD.with(b':', b':'), 24)?;
    if ahead.take(b'(')? {
        *cursor = ahead;
    }
    Ok(())
}

/// Skips an argument and the comma behind it.
fn skip(cursor: &mut Cursor<'_>, literal: bool) -> Result<bool, TooShort> {
    cursor.spaces(MAX_SPACES)?;
    let mut ahead = *cursor;
    if let Some(quote) = quotes::opening_quote(&mut ahead)? {
        let Some(Span { end: to, .. }) = quotes::string(ahead, quote)? else { return Ok(false) };
        cursor.at = to;
        cursor.skip(&ByteSet::of(b"\\"), 7)?;
        cursor.at += 1;
    } else if literal && cursor.clone().skip(&DIGIT, 6)? == 0 {
        return Ok(false);
    }
    let mut depth = 0;
    for _ in 0..REACH {
        match cursor.peek()? {
            b',' if depth == 0 => {
                cursor.at += 1;
                return Ok(true);
            }
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' if depth > 0 => depth -= 1,
            0 | b')' | b']' | b';' | b'}' => return Ok(false),
            _ => {}
        }
        cursor.at += 1;
    }
    Ok(false)
}
