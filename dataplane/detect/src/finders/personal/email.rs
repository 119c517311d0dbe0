//! E-mail addresses, found by their `@` (or `%40` in links) and read both ways.

use super::scope::{PersonalMatch, PersonalOutcome, PersonalScope};
use crate::boundaries;
use crate::bytes::{ALNUM, ByteSet, WORD};
use crate::finding::Confidence;
use crate::rule::PersonalKind;
use crate::text::{Span, TooShort};

/// The longest part before the `@`, by RFC 5321.
pub(super) const MAX_LOCAL: usize = 64;
/// The longest domain that is read, in bytes.
const MAX_DOMAIN: usize = 128;
/// How far before an address a link's `://` is looked for.
const LINK_REACH: usize = 96;

/// Of what RFC 5321 allows, what people use.
const LOCAL: ByteSet = WORD.union(ByteSet::of(b".+-%"));
const DOMAIN: ByteSet = ALNUM.union(ByteSet::of(b".-"));

/// Users of machines, not people: `git@github.com`.
const MACHINES: [&[u8]; 6] = [b"git", b"hg", b"svn", b"noreply", b"no-reply", b"root"];

/// Top-level domains of countries, and the longer ones that addresses are met under. What is not listed
/// (`icon@2x.png`, `a@b.transpose`) ends no address.
const COUNTRIES: &str = "ac ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo br bs bt bv bw by bz \
    ca cc cd cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg er es et eu fi fj fk fm \
    fo fr ga gb gd ge gf gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm hn hr ht hu id ie il im in io iq ir is \
    it je jm jo jp ke kg kh ki km kn kp kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma mc md me mg mh mk ml mm \
    mn mo mp mq mr ms mt mu mv mw mx my mz na nc ne nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl pm pn pr \
    ps pt pw py qa re ro rs ru rw sa sb sc sd se sg sh si sk sl sm sn so sr ss st su sv sx sy sz tc td tf tg th \
    tj tk tl tm tn to tr tt tv tw tz ua ug uk us uy uz va vc ve vg vi vn vu wf ws ye yt za zm zw";
const GENERIC: &str = "academy agency app art asia bank berlin bio biz blog cafe capital care cat center chat church city click \
    clinic cloud club coach codes coffee com community company consulting coop corp credit dental design dev \
    digital direct doctor earth edu education email energy engineering estate eu events example exchange expert \
    family fashion finance fit foundation fund fyi gallery games global gmbh gold gov green group guide guru \
    health help host hotel house info ink institute int internal international intra invalid investments jobs \
    lan land law legal life link live local london ltd love mail management marketing me media memorial menu mil \
    mobi mobile money museum name net network news ngo nyc office one ong online org page paris partners parts photo \
    photos pizza plus press pro productions properties pub rent repair report restaurant rocks school science \
    security services shop site social software solar solutions space store studio support systems team tech \
    technology test tips today tools top tours town toys trade training travel university vet video vip wiki \
    wine work works world wtf xyz yoga zone";

/// Checks the address whose `@` is `text[sign..after]`.
pub(super) fn classify(scope: PersonalScope<'_>, sign: usize, after: usize) -> PersonalOutcome {
    let text = scope.view.text;
    let Some(start) = local(text, sign) else { return Ok(None) };
    let Some(end) = domain(scope, after)? else { return Ok(None) };
    if MACHINES.contains(&&text[start..sign]) || is_in_link(text, start) {
        return Ok(None);
    }
    Ok(Some(PersonalMatch {
        kind: PersonalKind::Email,
        span: Span::new(start, end),
        confidence: Confidence::High,
    }))
}

/// Where the part before the `@` begins.
fn local(text: &[u8], sign: usize) -> Option<usize> {
    let run = LOCAL.run_back(&text[..sign], MAX_LOCAL + 1);
    if run == 0 || run > MAX_LOCAL {
        return None;
    }
    let mut start = sign - run;
    // The run may take in the end of an escape before it: `\n`, `\u0022`, `%3D`.
    if text[..start].ends_with(b"\\") {
        start += boundaries::escape_rest(text, start);
    }
    while let Some(at) = text.get(start..sign)?.iter().position(|&b| b == b'%') {
        start += at + 3;
    }
    let skip = text[start..sign].iter().take_while(|b| matches!(b, b'.' | b'-' | b'+')).count();
    let start = start + skip;
    let fits = start < sign
        && text[sign - 1] != b'.'
        && text[start..sign].iter().any(|b| ALNUM.has(*b))
        && (start == 0 || !WORD.has(text[start - 1]) || boundaries::has_escape_at_end(&text[..start]));
    fits.then_some(start)
}

/// Where the domain ends, if it is one.
fn domain(scope: PersonalScope<'_>, start: usize) -> Result<Option<usize>, TooShort> {
    let text = scope.view.text;
    let run = DOMAIN.run(&text[start..], MAX_DOMAIN + 1);
    if run > MAX_DOMAIN {
        return Ok(None);
    }
    let next = scope.byte(start + run)?;
    let name = &text[start..start + run];
    let trimmed = name.iter().rposition(|b| ALNUM.has(*b)).map_or(0, |at| at + 1);
    let name = &name[..trimmed];
    let Some(dot) = memchr::memrchr(b'.', name) else { return Ok(None) };
    let labels = name.split(|b| *b == b'.');
    let fits = labels.clone().all(|label| {
        !label.is_empty() && label.len() <= 63 && !label.starts_with(b"-") && !label.ends_with(b"-")
    });
    // `git@host:path` is a place to copy from, `a@b.name(` a call, `a@b.c@d` neither.
    let stranger = trimmed == run && matches!(next, Some(b'@' | b'(' | b'_'));
    let remote = trimmed == run
        && next == Some(b':')
        && scope.byte(start + run + 1)?.is_some_and(|b| ALNUM.has(b) || matches!(b, b'/' | b'~'));
    Ok((fits && !stranger && !remote && is_known_domain(&name[dot + 1..])).then_some(start + trimmed))
}

fn is_known_domain(domain: &[u8]) -> bool {
    let lower = domain.to_ascii_lowercase();
    let list = if lower.len() == 2 { COUNTRIES } else { GENERIC };
    lower.starts_with(b"xn--") || (lower.len() >= 2 && list.split(' ').any(|word| word.as_bytes() == lower))
}

/// Whether the `@` belongs to a link's user: `https://ada@host.org/`.
fn is_in_link(text: &[u8], start: usize) -> bool {
    let before = &text[start.saturating_sub(LINK_REACH)..start];
    memchr::memmem::rfind(before, b"://").is_some_and(|at| {
        before[at + 3..]
            .iter()
            .all(|b| !matches!(b, b'/' | b'?' | b'#' | b' ' | b'\n' | b'\t' | b'"' | b'\'' | b'<' | b'>'))
    })
}
