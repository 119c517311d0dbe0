//! The way out, in `aegis-shield`: the decoded view covers the input, and what the tokenizer lets go is settled.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use aegis_detect::{KnownKey, Rules};
use aegis_shield::json::{LexFault, Lexeme, Nested, Sink};
use aegis_shield::{
    Boundary, Format, Keyring, Policy, Refusal, RequestLimits, ShardScratch, Shield, Splice, Tokenizer,
    Vault, WINDOW,
};

/// Stands for a secret in an input, so that mutations rarely break it.
const SECRET_MARK: u8 = 1;
/// Stands for filler that is longer than a window.
const FILLER_MARK: u8 = 2;
/// Most filler in one input, which bounds the time of a run.
const FILLERS_MAX: usize = 2;

/// What every token begins with.
const TOKEN_PREFIX: &[u8] = b"AEGIS-";

/// The boundary of the multipart inputs.
const BOUNDARY: &[u8] = b"b0";

/// Made up; the last six characters are the check value that the rule demands.
const SECRET: &[u8] = b"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";

fn shield() -> &'static Arc<Shield> {
    static SHIELD: OnceLock<Arc<Shield>> = OnceLock::new();
    SHIELD.get_or_init(|| {
        let rules = Rules::builtin().expect("the built-in rules are valid");
        let keyring = Arc::new(Keyring::new(&[7; 32], "fuzz", 0, &[]).expect("one epoch"));
        let search_key = KnownKey::new(&[9; 32]);
        Arc::new(Shield {
            rules,
            policy: Policy::default(),
            keyring,
            search_key,
            limits: RequestLimits::default(),
        })
    })
}

fn scratch() -> &'static Mutex<ShardScratch> {
    static SCRATCH: OnceLock<Mutex<ShardScratch>> = OnceLock::new();
    SCRATCH.get_or_init(|| Mutex::new(ShardScratch::new(&shield().rules).expect("room for a scratch")))
}

/// Checks each lexeme against the input, and keeps what does not depend on cuts.
struct Cover<'a> {
    input: &'a [u8],
    end: u64,
    decoded: Decoded,
}

impl Sink for Cover<'_> {
    fn lexeme(&mut self, lexeme: Lexeme<'_>) {
        assert_eq!(lexeme.start, self.end, "lexemes leave no gap and do not overlap");
        assert!(lexeme.end >= lexeme.start && lexeme.end <= self.input.len() as u64);
        self.end = lexeme.end;
        if lexeme.is_plain() {
            let place =
                [lexeme.start, lexeme.end].map(|at| usize::try_from(at).expect("it lies in the input"));
            assert_eq!(&self.input[place[0]..place[1]], lexeme.bytes, "what stands there as it is");
        }
        match self.decoded.last_mut() {
            Some((layer, bytes)) if *layer == lexeme.layer => bytes.extend_from_slice(lexeme.bytes),
            _ => self.decoded.push((lexeme.layer, lexeme.bytes.to_vec())),
        }
    }
}

/// Decoded text, run by run, each with the layer of JSON it stands in.
type Decoded = Vec<(u8, Vec<u8>)>;

fn view(mut nested: Nested, input: &[u8], size: usize) -> (Result<(), LexFault>, Decoded) {
    let mut cover = Cover { input, end: 0, decoded: Vec::new() };
    let mut verdict = Ok(());
    for piece in input.chunks(size.max(1)) {
        verdict = nested.feed(piece, &mut cover);
        if verdict.is_err() {
            break;
        }
    }
    if verdict.is_ok() {
        verdict = nested.finish(&mut cover);
        assert!(verdict.is_err() || cover.end == input.len() as u64, "everything is covered");
    }
    cover.decoded.retain(|(_, bytes)| !bytes.is_empty());
    (verdict, cover.decoded)
}

/// The decoded view of JSON, nested in strings or not.
pub fn json(data: &[u8]) {
    let Some((&choice, input)) = data.split_first() else { return };
    let make = || match choice % 4 {
        0 => Nested::document(),
        1 => Nested::documents(),
        2 => Nested::channel(),
        _ => Nested::tentative(),
    };
    let size = 1 + usize::from(choice >> 2) % 16;
    let (whole, decoded) = view(make(), input, input.len());
    let (pieces, decoded_of_pieces) = view(make(), input, size);
    assert_eq!(whole.is_ok(), pieces.is_ok(), "the verdict depends on the cut");
    if whole.is_ok() {
        assert_eq!(decoded, decoded_of_pieces, "the view depends on the cut");
    }
}

/// The input with its marks replaced.
fn spell(data: &[u8]) -> Vec<u8> {
    let mut fillers = 0;
    let mut spelled = Vec::new();
    for &byte in data {
        match byte {
            SECRET_MARK => spelled.extend_from_slice(SECRET),
            FILLER_MARK if fillers < FILLERS_MAX => {
                fillers += 1;
                spelled.extend(b"lorem ipsum dolor ".iter().cycle().take(WINDOW + 100));
            }
            _ => spelled.push(byte),
        }
    }
    spelled
}

/// Tokenizes a body that arrives in pieces of `size`.
fn tokenize(format: Format, body: &[u8], size: usize) -> Result<(Vec<u8>, Vault), Refusal> {
    let mut scratch = scratch().lock().unwrap_or_else(PoisonError::into_inner);
    let mut tokenizer = Tokenizer::new(Arc::clone(shield()), format);
    let (mut pending, mut out, mut splice) = (Vec::new(), Vec::new(), Splice::new());
    let mut arrived = 0;
    loop {
        let next = (arrived + size).min(body.len());
        pending.extend_from_slice(&body[arrived..next]);
        arrived = next;
        let last = arrived == body.len();
        loop {
            splice.clear();
            let consumed = tokenizer.push(&mut scratch, &pending, last, &mut splice)?;
            splice.write_to(&pending, &mut out);
            pending.drain(..consumed);
            if consumed == 0 {
                break;
            }
        }
        if last {
            assert!(pending.is_empty(), "a body is consumed to its end");
            return Ok((out, tokenizer.finish().vault));
        }
    }
}

fn check(format: Format, body: &[u8], size: usize) {
    let whole = tokenize(format, body, body.len().max(1));
    let pieces = tokenize(format, body, size);
    match (&whole, &pieces) {
        (Ok((whole, _)), Ok((pieces, _))) => assert!(whole == pieces, "the result depends on the cut"),
        (whole, pieces) => assert_eq!(whole.is_ok(), pieces.is_ok(), "the verdict depends on the cut"),
    }
    // Text has no escapes: with the values put back it is the input again, byte for byte.
    let token_in_input = body.windows(TOKEN_PREFIX.len()).any(|run| run.eq_ignore_ascii_case(TOKEN_PREFIX));
    if let (Ok((out, vault)), Format::Text, false) = (&whole, format, token_in_input) {
        let same = |wide: Option<(usize, bool)>| restore(out, vault, wide) == body;
        let wide = || [2, 4].into_iter().any(|size| same(Some((size, false))) || same(Some((size, true))));
        // Half of a surrogate pair is no character, and cannot be in a value as it was.
        let broken = vault.tokens().any(|token| {
            let value = vault.resolve(token).unwrap_or_default();
            value.windows(3).any(|run| run == "\u{fffd}".as_bytes())
        });
        assert!(broken || same(None) || wide(), "bytes outside secrets are changed");
    }
}

/// UTF-8 in units of so many bytes, the highest one first or last.
fn widened(text: &[u8], wide: Option<(usize, bool)>) -> Vec<u8> {
    let Some((size, big)) = wide else { return text.to_vec() };
    let text = String::from_utf8_lossy(text);
    let unit = |number: u32| match (size, big) {
        (2, true) => number.to_be_bytes()[2..].to_vec(),
        (2, false) => number.to_le_bytes()[..2].to_vec(),
        (_, true) => number.to_be_bytes().to_vec(),
        (_, false) => number.to_le_bytes().to_vec(),
    };
    if size == 2 {
        text.encode_utf16().flat_map(|half| unit(u32::from(half))).collect()
    } else {
        text.chars().flat_map(|c| unit(u32::from(c))).collect()
    }
}

/// `text` with every token of `vault` replaced by its value, both in the same units.
fn restore(text: &[u8], vault: &Vault, wide: Option<(usize, bool)>) -> Vec<u8> {
    let tokens: Vec<_> = vault.tokens().map(|token| (widened(token.as_bytes(), wide), token)).collect();
    let mut restored = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let found = tokens.iter().find(|(token, _)| text[at..].starts_with(token));
        if let Some((token, value)) = found.and_then(|(token, of)| Some((token, vault.resolve(of)?))) {
            restored.extend(widened(value, wide));
            at += token.len();
        } else {
            restored.push(text[at]);
            at += 1;
        }
    }
    restored
}

/// Bodies of every kind but multipart, through the tokenizer.
pub fn tokenizer(data: &[u8]) {
    let Some((&choice, input)) = data.split_first() else { return };
    let format = match choice % 5 {
        0 => Format::Json,
        1 => Format::JsonLines,
        2 => Format::Text,
        3 => Format::Form,
        _ => Format::Unknown,
    };
    check(format, &spell(input), 1 + usize::from(choice >> 3) * 997);
}

/// Multipart bodies, through the tokenizer.
pub fn multipart(data: &[u8]) {
    let Some((&choice, input)) = data.split_first() else { return };
    let boundary = Boundary::new(BOUNDARY).expect("a valid boundary");
    check(Format::Multipart(boundary), &spell(input), 1 + usize::from(choice) * 131);
}
