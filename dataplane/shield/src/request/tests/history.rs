//! Whether a request refers to what its provider keeps.

use super::support::{PAT, lines, run_pieces, shield};
use crate::format::Format;
use crate::request::scan::scratch::ShardScratch;
use crate::request::scan::view::WINDOW;
use crate::request::splice::Splice;
use crate::request::tokenizer::Tokenizer;

/// Reads `body`, twice where something is found in it.
fn refers_to_history(format: Format, body: &str, size: usize) -> bool {
    let mut tokenizer = Tokenizer::new(shield(), format);
    let mut scratch = ShardScratch::new(&tokenizer.shield().rules).unwrap();
    for _ in 0..2 {
        let (mut at, mut end) = (0, 0);
        while !tokenizer.is_finished() {
            end = (end + size).min(body.len());
            let window = &body.as_bytes()[at..end];
            at += tokenizer.push(&mut scratch, window, end == body.len(), &mut Splice::new()).unwrap();
        }
        if !tokenizer.rewind() {
            break;
        }
    }
    tokenizer.refers_to_history()
}

#[test]
fn it_is_known_wherever_the_member_stands_and_however_the_body_is_cut() {
    let long = lines("words", WINDOW / 4).replace('\n', "\\n");
    for text in ["a", PAT, &long] {
        let behind = format!("{{\"input\":\"{text}\",\"previous_response_id\":\"resp_1\"}}");
        let before = format!("{{\"previous_response_id\":\"resp_1\",\"input\":\"{text}\"}}");
        let neither = format!("{{\"input\":\"{text}\",\"previous\":\"resp_1\"}}");
        let inside =
            format!("{{\"input\":[{{\"output\":\"{{\\\"previous_response_id\\\":\\\"r\\\"}} {text}\"}}]}}");
        for size in [977, WINDOW, usize::MAX / 2] {
            assert!(refers_to_history(Format::Json, &behind, size), "{size}");
            assert!(refers_to_history(Format::Json, &before, size), "{size}");
            assert!(!refers_to_history(Format::Json, &neither, size), "{size}");
            assert!(!refers_to_history(Format::Json, &inside, size), "{size}");
        }
    }
    assert!(!refers_to_history(Format::Text, "{\"previous_response_id\":\"r\"}", 9));
    assert!(!refers_to_history(Format::Json, "{\"previous_response_id\":null}", 9));
}

#[test]
fn what_is_added_to_the_vault_is_there_for_the_reply() {
    let (_, outcome) = run_pieces(Tokenizer::new(shield(), Format::Text), &[PAT.as_bytes()]).unwrap();
    let token = *outcome.vault.tokens().next().unwrap();
    let mut later = Tokenizer::new(shield(), Format::Text);
    assert!(later.leaves_nothing());
    later.vault_mut().insert(token, PAT.as_bytes()).unwrap();
    assert!(!later.leaves_nothing());
    assert_eq!(later.finish().vault.resolve(&token), Some(PAT.as_bytes()));
}
