//! The value that is known for the length of a request only.

use aegis_detect::{
    KNOWN_RULE, KnownKey, KnownList, KnownRefusal, KnownValues, LOOKAHEAD, OwnValue, Rules, Scanner,
    SearchValues, Selection, Window,
};
use std::sync::Arc;

const KEY: &str = "gate-key-one";

fn scanner() -> Scanner {
    let known = Arc::new(KnownValues::new(&KnownList::new(KnownKey::new(&[1; 32]))));
    let selection = Selection { known: Some(&known), ..Selection::default() };
    Scanner::new(Rules::load(&selection).expect("rules")).expect("memory")
}

fn own(value: &[u8]) -> SearchValues {
    SearchValues { own: Some(OwnValue::new(value).expect("a value")), ..SearchValues::default() }
}

fn found(scanner: &mut Scanner, text: &str) -> Vec<(usize, usize)> {
    let rules = Arc::clone(scanner.rules());
    let scan = scanner.scan(Window { text: text.as_bytes(), fresh: 0, last: true });
    let known = scan.findings.iter().filter(|finding| rules.get(finding.rule).id == KNOWN_RULE);
    known.map(|finding| (finding.span.start, finding.span.end)).collect()
}

#[test]
fn it_is_found_while_it_is_set_plain_and_encoded() {
    use base64::Engine as _;
    let mut scanner = scanner();
    let encoded = base64::engine::general_purpose::STANDARD.encode(format!("the key is {KEY}, keep it"));
    assert_eq!(found(&mut scanner, &format!("it is {KEY}!")), []);
    scanner.search_for(own(KEY.as_bytes()));
    assert_eq!(found(&mut scanner, &format!("it is {KEY}!")), [(6, 6 + KEY.len())]);
    assert_eq!(found(&mut scanner, "it is gate-key-two!"), []);
    assert_eq!(found(&mut scanner, &format!("data {encoded} end")).len(), 1);
    scanner.search_for(SearchValues::default());
    assert_eq!(found(&mut scanner, &format!("it is {KEY}!")), []);
}

#[test]
fn short_ones_are_no_piece_of_a_word() {
    let mut scanner = scanner();
    scanner.search_for(own(b"k3y-0ne!x"));
    assert_eq!(found(&mut scanner, "k3y-0ne!xy xk3y-0ne!x"), []);
    assert_eq!(found(&mut scanner, "(k3y-0ne!x)"), [(1, 10)]);
}

#[test]
fn what_would_be_met_by_chance_is_refused_and_so_is_what_is_too_long() {
    for weak in ["short", "password", "aaaaaaaaaaaa", "123456789"] {
        assert!(OwnValue::new(weak.as_bytes()).is_err(), "{weak}");
    }
    let long: String = (0..OwnValue::MAX_LEN).map(|at| char::from(b'a' + (at * 7 % 26) as u8)).collect();
    let long = format!("{}9", &long[1..]);
    assert!(OwnValue::new(long.as_bytes()).is_ok());
    assert_eq!(
        OwnValue::new(format!("{long}9").as_bytes()).err(),
        Some(KnownRefusal::Long(OwnValue::MAX_LEN + 1))
    );
}

#[test]
fn the_longest_is_found_at_every_place_around_the_end_of_a_window() {
    let long: String = (0..OwnValue::MAX_LEN).map(|at| char::from(b'0' + (at * 7 % 10) as u8)).collect();
    let long = format!("k{}", &long[1..]);
    let mut scanner = scanner();
    scanner.search_for(own(long.as_bytes()));
    for lead in (0..2 * LOOKAHEAD).step_by(37) {
        let text = format!("{}{long} and more", ". ".repeat(LOOKAHEAD)[..lead].to_owned());
        let window = 2 * LOOKAHEAD;
        let scan =
            scanner.scan(Window { text: &text.as_bytes()[..window.min(text.len())], fresh: 0, last: false });
        let (settled, hits) = (scan.settled, scan.findings.len());
        assert!(hits == 1 || settled <= lead, "after {lead} bytes, settled {settled}");
    }
}
