//! `aegis-detect`: findings do not depend on how a text is cut, and what people hand over (rules, lists of known
//! values) is read or refused.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use aegis_detect::{
    Carry, Finding, KnownKey, KnownList, KnownValues, LEFT_CONTEXT, LOOKAHEAD, Pack, RuleSource, Rules,
    Scanner, Selection, Window,
};

/// Stands for filler that is longer than what a window leaves open, in the inputs of [`scanner`].
const FILLER_MARK: u8 = 2;
/// Most filler in one input, which bounds the time of a run.
const FILLERS_MAX: usize = 4;
/// A value that the scanner knows.
const KNOWN: &[u8] = b"Kv7-mauve lantern/19";
/// Rule files that are longer are cut, which bounds the time of a run.
const RULES_MAX: usize = 2_000;

fn key() -> KnownKey {
    KnownKey::new(&[7; 32])
}

/// All packs, and a known value.
fn with_everything() -> &'static Mutex<Scanner> {
    static SCANNER: OnceLock<Mutex<Scanner>> = OnceLock::new();
    SCANNER.get_or_init(|| {
        let mut list = KnownList::new(key());
        list.insert(KNOWN).expect("a value that can be listed");
        let known = Arc::new(KnownValues::new(&list));
        let selection = Selection { packs: &Pack::ALL, known: Some(&known), custom: &[] };
        let rules = Rules::load(&selection).expect("the built-in rules are valid");
        Mutex::new(Scanner::new(rules).expect("room for a scratch"))
    })
}

fn expand(data: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(data.len());
    let mut fillers = 0;
    for &byte in data {
        if byte == FILLER_MARK && fillers < FILLERS_MAX {
            fillers += 1;
            text.extend(b"and so on, ".iter().cycle().take(2 * LOOKAHEAD));
        } else {
            text.push(byte);
        }
    }
    text
}

/// The findings of a text in windows that take up `step` more bytes each.
fn in_windows(scanner: &mut Scanner, text: &[u8], step: usize) -> Vec<Finding> {
    let mut found = Vec::new();
    let (mut settled, mut end, mut carry) = (0, 0, Carry::default());
    while settled < text.len() || end == 0 {
        end = (end + step).min(text.len());
        let from = settled.saturating_sub(LEFT_CONTEXT);
        let fresh = settled - from;
        let scan =
            scanner.scan_on(Window { text: &text[from..end], fresh, last: end == text.len() }, &mut carry);
        assert!(scan.settled >= fresh && scan.settled <= end - from, "what is settled stays settled");
        for finding in scan.findings {
            assert!(
                finding.span.start >= fresh && finding.span.end <= scan.settled,
                "only settled text is judged"
            );
            let (start, end) = (from + finding.span.start, from + finding.span.end);
            found.push(Finding { span: aegis_detect::Span::new(start, end), ..*finding });
        }
        settled = from + scan.settled;
        if end == text.len() {
            break;
        }
    }
    assert_eq!(settled, text.len(), "the last window settles all");
    found
}

/// Texts with all rules on: the first byte chooses the windows.
pub fn scanner(data: &[u8]) {
    let Some((choice, data)) = data.split_first() else { return };
    let text = expand(data);
    let mut scanner = with_everything().lock().unwrap_or_else(PoisonError::into_inner);
    let whole = in_windows(&mut scanner, &text, text.len().max(1));
    assert!(whole.iter().all(|f| f.span.start < f.span.end), "a secret has bytes");
    assert!(whole.is_sorted_by(|a, b| a.span.end <= b.span.start), "findings are in order and apart");
    let step = 1 + usize::from(*choice) * 13;
    assert_eq!(in_windows(&mut scanner, &text, step), whole, "windows that grow by {step} bytes");
}

/// Rule files: they are refused with a message, or give rules that run.
pub fn rules(data: &[u8]) {
    let text = String::from_utf8_lossy(&data[..data.len().min(RULES_MAX)]).into_owned();
    let file = RuleSource { name: "own.toml".to_owned(), text: text.clone() };
    match Rules::with_custom(&[file]) {
        Ok(rules) => {
            let mut scanner = Scanner::new(rules).expect("room for a scratch");
            in_windows(&mut scanner, text.as_bytes(), 64);
        }
        Err(error) => assert!(!error.to_string().is_empty(), "an error says what is wrong"),
    }
}

/// Lists of known values: what is read and written again is the same list.
pub fn known(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    // The id and the check of a list are the key's: without them mutations would all be refused at once.
    let text = text.replace("<key>", &key().id());
    match KnownList::parse(key(), &text) {
        Ok(list) => {
            let again = KnownList::parse(key(), &list.to_text()).expect("what was written is read");
            assert!(list.iter().eq(again.iter()), "the same list");
        }
        Err(error) => assert!(!error.to_string().is_empty(), "an error says what is wrong"),
    }
}
