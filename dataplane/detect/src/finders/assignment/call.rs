//! Passwords as arguments of calls that take a user and a password: `NetworkCredential("user", "password")`.

use super::read;
use crate::bytes::{ByteSet, WORD};
use crate::candidate::{Candidate, Candidates, rank};
use crate::plausibility::value;
use crate::text::cursor::Cursor;
use crate::text::{Span, TextView, TooShort};

/// How far behind the call's name the password may begin, in bytes.
const REACH: usize = 190;
/// The longest gap of blanks and line ends between arguments.
const MAX_SPACES: usize = 60;

/// Calls and the place of the password among their arguments, from one; lower case. Where the first argument must be a
/// literal too, the call's name alone says too little.
const CALLS: &[(&str, usize, bool)] = &[
    ("networkcredential(", 2, false),
    ("pscredential(", 2, false),
    ("pscredential (", 2, false),
    ("sqlcredential(", 2, false),
    ("usernamepasswordcredentials(", 2, false),
    ("passwordauthentication(", 2, false),
    ("directoryentry(", 3, false),
    ("httpbasicauth(", 2, false),
    ("httpdigestauth(", 2, false),
    ("setbasicauth(", 2, false),
    ("basic_auth(", 2, false),
    ("basicauth(", 2, true),
    ("basicauthentication(", 2, true),
    ("credentials.basic(", 2, false),
    ("getconnection(", 3, false),
    ("mysqli_connect(", 3, false),
    ("new mysqli(", 3, false),
    ("mysql_connect(", 3, false),
    ("new pdo(", 3, false),
    ("mysql_pconnect(", 3, false),
    ("mssql_connect(", 3, false),
    ("odbc_connect(", 3, false),
    ("dbi->connect(", 3, false),
    ("dbi.connect(", 3, false),
    ("mysqldb.connect(", 3, false),
    ("pymysql.connect(", 3, false),
    ("pymssql.connect(", 3, false),
    ("new sequelize(", 3, false),
    ("google.auth.oauth2(", 2, true),
    ("oci_connect(", 2, true),
    ("ftp_login(", 3, false),
    ("imap_open(", 3, false),
    ("ldap_bind(", 3, false),
    ("auth_password(", 3, false),
    ("plainauth(", 3, false),
    (".login(", 2, true),
    (".auth(", 2, true),
    ("auth=(", 2, true),
    ("auth = (", 2, true),
];

/// Whether a rule may name this call.
pub(crate) fn is_known(call: &str) -> bool {
    CALLS.iter().any(|(name, ..)| *name == call)
}

/// Looks at the arguments of the call whose name is `text[start..end]`.
pub(crate) fn find(candidates: &mut Candidates, view: TextView<'_>, rule: u16, Span { start, end }: Span) {
    let name = &view.text[start..end];
    let found = CALLS.iter().find(|(n, ..)| n.as_bytes().eq_ignore_ascii_case(name));
    let Some((_, place, literal)) = found else { return };
    match argument(view, end, *place, *literal) {
        Err(TooShort) => candidates.open(start),
        Ok(Some(span)) if span.start - start <= REACH => {
            let Some(confidence) = value::confidence_in_command(&view.text[span]) else { return };
            candidates.push(Candidate { span, rule, rank: rank::PLACE, confidence });
        }
        Ok(_) => {}
    }
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
    let Some(quote) = read::opening_quote(&mut cursor)? else { return Ok(None) };
    let Some(span) = read::string(cursor, quote)? else { return Ok(None) };
    // Where a literal is put together with something else it is not the whole.
    let mut behind = Cursor::new(view, span.end);
    behind.skip(&ByteSet::of(b"\\"), 7)?;
    behind.at += 1;
    behind.blanks(4)?;
    Ok((!matches!(behind.peek()?, b'+' | b'.' | b'%')).then_some(span))
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
    if let Some(quote) = read::opening_quote(&mut ahead)? {
        let Some(Span { end: to, .. }) = read::string(ahead, quote)? else { return Ok(false) };
        cursor.at = to;
        cursor.skip(&ByteSet::of(b"\\"), 7)?;
        cursor.at += 1;
    } else if literal {
        return Ok(false);
    }
    let mut depth = 0;
    for _ in 0..REACH {
        match cursor.peek()? {
            b',' if depth == 0 => {
                cursor.at += 1;
                return Ok(true);
            }
            b'(' | b'[' => depth += 1,
            b')' | b']' if depth > 0 => depth -= 1,
            0 | b')' | b']' | b';' | b'{' | b'}' => return Ok(false),
            _ => {}
        }
        cursor.at += 1;
    }
    Ok(false)
}
