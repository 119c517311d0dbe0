//! Values that rules found, searched for elsewhere.

use crate::common::{whole, windowed};
use crate::random::Random;
use aegis_detect::{
    Carry, Evidence, FoundList, FoundValues, Inserted, KnownKey, Reach, Rules, Scanner, SearchValues, Span,
    Window, WindowMarks, reach_of,
};
use base64::Engine as _;
use std::fmt::Write as _;
use std::sync::Arc;

const VALUE: &str = "gT5vLq8xWz2RkPq1";
const WORD: &str = "x9$Kq2!mZp7";

/// A scanner that searches for these values.
fn scanner(values: &[&str]) -> Scanner {
    let rules = Rules::builtin().expect("rules");
    let rule = rules.find("generic-secret").or_else(|| rules.iter().next().map(|(index, _)| index));
    let mut list = FoundList::new(KnownKey::new(&[7; 32]));
    for value in values {
        let reach = reach_of(value.as_bytes(), false);
        assert_ne!(reach, Reach::InPlace, "{value}");
        assert_eq!(list.insert(value.as_bytes(), rule.expect("a rule"), reach), Ok(Inserted::New));
        assert_eq!(list.insert(value.as_bytes(), rule.expect("a rule"), reach), Ok(Inserted::Already));
    }
    let mut scanner = Scanner::new(rules).expect("memory");
    let found = Some(Arc::new(FoundValues::new(&list)));
    scanner.search_for(SearchValues { found, ..SearchValues::default() });
    scanner
}

/// What is found by its value in a text.
fn found<'t>(scanner: &mut Scanner, text: &'t str) -> Vec<&'t str> {
    let scan = scanner.scan(Window { text: text.as_bytes(), fresh: 0, last: true });
    let by_value = scan.findings.iter().filter(|finding| finding.evidence == Evidence::Value);
    by_value.map(|finding| &text[finding.span]).collect()
}

/// A value is proven once; where it stands again, its bytes are compared.
#[test]
fn what_stands_again_costs_little() {
    let mut scanner = scanner(&[VALUE]);
    let mut work = |text: &str| {
        let found = found(&mut scanner, text).len();
        (found, scanner.work())
    };
    let (once, first) = work(&format!("{VALUE} and"));
    let (again, all) = work(&format!("{VALUE} and ").repeat(1_000));
    assert_eq!((once, again), (1, 1_000));
    let each = (all - first) / 999;
    assert!(each < VALUE.len() as u64 / 2, "{each} bytes are looked at for each");
}

#[test]
fn a_rare_value_is_found_wherever_it_stands() {
    let mut scanner = scanner(&[VALUE]);
    for text in [
        VALUE.to_owned(),
        format!("then log in with {VALUE}."),
        format!("db_{VALUE}"),
        format!("{VALUE}2"),
        format!("x{VALUE}y"),
        format!("docker login --password-stdin <<< {VALUE}"),
        format!("sed -i s/x/{VALUE}/ file"),
        format!("grep -r {VALUE} ."),
        format!("| name | {VALUE} |"),
        format!("- {VALUE}\n- other"),
        format!("f(\"{VALUE}\")"),
    ] {
        let hidden = scanner.scan(Window { text: text.as_bytes(), fresh: 0, last: true });
        let at = text.find(VALUE).expect("it is there");
        let whole = Span::new(at, at + VALUE.len());
        assert!(hidden.findings.iter().any(|finding| finding.span.covers(whole)), "{text}");
    }
    assert_eq!(found(&mut scanner, "gT5vLq8xWz2RkPq0"), [""; 0], "another value");
}

/// The value in hexadecimal digits, each pair behind `sign`.
fn digits(sign: &str) -> String {
    VALUE.bytes().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{sign}{byte:02x}");
        out
    })
}

#[test]
fn it_is_found_under_encodings() {
    let mut scanner = scanner(&[VALUE]);
    let standard = &base64::engine::general_purpose::STANDARD;
    for text in [
        standard.encode(VALUE),
        standard.encode(format!("user:{VALUE}")),
        standard.encode(format!("some text before {VALUE} and behind")),
        standard.encode(standard.encode(format!("log in with {VALUE} now"))),
        digits(""),
        digits("%"),
    ] {
        assert_eq!(found(&mut scanner, &format!("data: {text} end")).len(), 1, "{text}");
    }
}

/// Each region of escapes begins with the run that its first escape stands in, however near another one is.
#[test]
fn it_is_found_behind_other_escapes_at_every_distance() {
    let mut scanner = scanner(&[VALUE]);
    let (head, tail) = VALUE.split_at(5);
    let (letter, tail) = tail.split_at(1);
    let encoded = format!("https://x.example/?k={head}%{:02x}{tail}", letter.as_bytes()[0]);
    for distance in 0..320 {
        let text = format!("see re%47%71wKK%48L ok{} {encoded} then", " .".repeat(distance / 2));
        assert_eq!(found(&mut scanner, &text).len(), 1, "{distance}");
    }
}

/// What is decoded around an escape ends somewhere, be it in the middle of another value.
#[test]
fn it_is_found_under_escapes_far_before_another_value() {
    const WITH_SIGN: &str = "unrd+QhsWq1HRoToCgHkJ8SCvjmsyQI+e.TT";
    const OTHER: &str = "f=L#ltl~dYR68^LIV38NnW8xfJOrRhE";
    let mut scanner = scanner(&[WITH_SIGN, OTHER]);
    let percents = WITH_SIGN.replace('+', "%2B");
    let entities = WITH_SIGN.replace('+', "&#43;");
    for encoded in [&percents, &entities] {
        let before = format!("https://host.example/?q={encoded}&x=1\n");
        for distance in 900..1100 {
            let text = format!("{before}{}{OTHER} and more", " .".repeat(distance).split_off(distance));
            assert_eq!(found(&mut scanner, &text), [&encoded[..], OTHER], "{distance}");
        }
    }
    // All that is decoded behind it is one run.
    for distance in 3900..4200 {
        let between = "x=1&".repeat(distance).split_off(3 * distance);
        let text = format!("https://host.example/?q={percents}&{between}{OTHER}");
        assert_eq!(found(&mut scanner, &text), [&percents[..], OTHER], "{distance}");
    }
}

#[test]
fn a_short_value_is_found_as_a_whole_word() {
    let mut scanner = scanner(&[WORD]);
    assert_eq!(found(&mut scanner, &format!("it is {WORD}, he said")), [WORD]);
    assert_eq!(found(&mut scanner, &format!("it is a{WORD}")), [""; 0]);
    assert_eq!(found(&mut scanner, &format!("it is {WORD}7")), [""; 0]);
}

#[test]
fn structure_is_left_alone() {
    let mut scanner = scanner(&[VALUE]);
    let text = format!("{VALUE} {VALUE}");
    let marks = WindowMarks { structure: &[Span::new(0, VALUE.len())], ..WindowMarks::default() };
    let window = Window { text: text.as_bytes(), fresh: 0, last: true };
    let scan = scanner.scan_marked(window, marks, &mut Carry::default());
    let spans: Vec<_> = scan.findings.iter().map(|finding| finding.span).collect();
    assert_eq!(spans, [Span::new(VALUE.len() + 1, text.len())]);
}

#[test]
fn windows_do_not_matter() {
    let mut random = Random::new(11);
    let mut scanner = scanner(&[VALUE, WORD]);
    let encoded = base64::engine::general_purpose::STANDARD.encode(format!("it is {VALUE}, he said"));
    for _ in 0..20 {
        let mut text = String::new();
        while text.len() < 30_000 {
            text.push_str(&"the line of a text, ".repeat(random.below(60)));
            text.push_str(["", VALUE, WORD, " ", &encoded][random.below(5)]);
        }
        let expected = whole(&mut scanner, text.as_bytes());
        assert!(expected.len() > 5);
        for size in [700, 2500, 5000] {
            let cuts = (size..text.len()).step_by(size + random.below(99));
            assert_eq!(windowed(&mut scanner, text.as_bytes(), cuts), expected, "windows of {size}");
        }
    }
}

#[test]
fn what_rules_find_in_encoded_text_is_handed_out_decoded() {
    let mut scanner = Scanner::new(Rules::builtin().expect("rules")).expect("memory");
    let encoded = base64::engine::general_purpose::STANDARD.encode(format!("DB_PASSWORD={VALUE}\n"));
    let text = format!("data {encoded} end");
    let window = Window { text: text.as_bytes(), fresh: 0, last: true };
    assert_eq!(scanner.scan(window).findings.len(), 1);
    assert_eq!(scanner.take_decoded_values().count(), 0, "nobody asked for them");
    scanner.search_for(SearchValues { collects_decoded: true, ..SearchValues::default() });
    assert_eq!(scanner.scan(window).findings.len(), 1);
    let values: Vec<_> = scanner.take_decoded_values().collect();
    assert_eq!(values.iter().map(|decoded| &decoded.value[..]).collect::<Vec<_>>(), [VALUE.as_bytes()]);
    assert_eq!(format!("{values:?}").find(VALUE), None);
    assert_eq!(scanner.take_decoded_values().count(), 0, "each is taken once");
}

#[test]
fn a_list_forgets_and_renames() {
    let rules = Rules::builtin().expect("rules");
    let mut indices = rules.iter().map(|(index, _)| index);
    let (first, second) = (indices.next().expect("a rule"), indices.next().expect("a rule"));
    let mut list = FoundList::new(KnownKey::new(&[7; 32]));
    list.insert(VALUE.as_bytes(), first, Reach::Everywhere).expect("listed");
    list.insert(WORD.as_bytes(), first, Reach::WholeWords).expect("listed");
    assert!(list.insert(b"postgres", first, Reach::WholeWords).is_err());
    let word = list.name_of(WORD.as_bytes());
    list.retain(|name| *name != word);
    assert!(!list.contains(&word) && list.contains(&list.name_of(VALUE.as_bytes())));
    let mut none = list.clone();
    none.rename_rules(|_| None);
    assert!(none.is_empty());
    list.rename_rules(|_| Some(second));
    let mut scanner = Scanner::new(Arc::clone(&rules)).expect("memory");
    let found = Some(Arc::new(FoundValues::new(&list)));
    scanner.search_for(SearchValues { found, ..SearchValues::default() });
    let text = format!("{WORD} {VALUE}");
    let scan = scanner.scan(Window { text: text.as_bytes(), fresh: 0, last: true });
    let found: Vec<_> =
        scan.findings.iter().map(|finding| (finding.rule, &text[finding.span.range()])).collect();
    assert_eq!(found, [(second, VALUE)]);
    assert_eq!(format!("{list:?}"), "FoundList { values: 1, .. }");
}
