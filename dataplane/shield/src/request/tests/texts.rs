//! The texts of one request, one after the other through one tokenizer, and the list that is gathered over a whole body.

use crate::format::Format;
use crate::request::scan::scratch::ShardScratch;
use crate::request::scan::view::WINDOW;
use crate::request::splice::{Segment, Splice};
use crate::request::tests::support::{AWS, OTHER_PAT, PAT, lines, restore, run, shield};
use crate::request::tokenizer::Tokenizer;

/// Pushes all of `text`, and appends what becomes of it to `splice`.
fn push_all(tokenizer: &mut Tokenizer, scratch: &mut ShardScratch, text: &[u8], splice: &mut Splice) {
    let mut at = 0;
    while at < text.len() {
        at += tokenizer.push(scratch, &text[at..], true, splice).unwrap();
    }
    assert!(tokenizer.is_finished());
}

#[test]
fn a_value_has_one_token_in_all_texts_of_a_request() {
    let mut tokenizer = Tokenizer::new(shield(), Format::Text);
    let mut scratch = ShardScratch::new(&shield().rules).unwrap();
    let mut texts = Vec::new();
    for (format, text, found) in [
        (Format::Text, format!("x-title: {PAT}"), 1),
        (Format::Form, format!("q={AWS}"), 1),
        (Format::Json, format!("{{\"content\":\"{PAT} {OTHER_PAT}\"}}"), 2),
    ] {
        tokenizer.begin(format);
        let (mut splice, mut out) = (Splice::new(), Vec::new());
        push_all(&mut tokenizer, &mut scratch, text.as_bytes(), &mut splice);
        splice.write_to(text.as_bytes(), &mut out);
        let report = tokenizer.take_report();
        assert_eq!((report.total(), tokenizer.report().total()), (found, 0), "{text}");
        texts.push((text, String::from_utf8(out).unwrap()));
    }
    assert_eq!(tokenizer.vault().len(), 3);
    let outcome = tokenizer.finish();
    for (text, sent) in &texts {
        assert!(![PAT, AWS, OTHER_PAT].iter().any(|secret| sent.contains(secret)), "{sent}");
        assert_eq!(restore(sent.as_bytes(), &outcome, 0), text.as_bytes());
    }
}

#[test]
fn a_list_over_a_whole_body_is_what_its_steps_make() {
    for format in [Format::Text, Format::Json] {
        let filler = lines("words", WINDOW / 8).replace('\n', " ");
        let text = format!("\"{filler}{PAT} {filler}{AWS}\"");
        assert!(text.len() > 2 * WINDOW);
        let (expected, _) = run(format, text.as_bytes()).ok().unwrap();
        let mut tokenizer = Tokenizer::new(shield(), format);
        let mut scratch = ShardScratch::new(&shield().rules).unwrap();
        let (mut splice, mut out) = (Splice::new(), Vec::new());
        push_all(&mut tokenizer, &mut scratch, text.as_bytes(), &mut splice);
        splice.write_to(text.as_bytes(), &mut out);
        assert_eq!(out, expected);
        assert_eq!(splice.len(), expected.len());
        let tokens = splice.segments().filter(|segment| matches!(segment, Segment::Bytes(_))).count();
        assert_eq!(tokens, 2, "runs of the input are one segment, over the borders of windows");
    }
}
