//! Bodies that are text, or nothing better known: scanned as they are.

use zeroize::Zeroizing;

use crate::request::body::flat::{FlatFormat, replace_findings};
use crate::request::body::step::{BodyStep, Input};
use crate::request::refusal::Refusal;
use crate::request::scan::view::LeftContext;

/// The state between two windows of a text.
pub(crate) struct TextBody {
    left_context: LeftContext,
    /// The name of the field of which the text, if it is all in one window, is the value.
    name: Option<Zeroizing<Vec<u8>>>,
}

impl TextBody {
    pub(crate) fn new() -> Self {
        Self { left_context: LeftContext::new(), name: None }
    }

    /// A text that stands behind another, which says what its first value is; `name` is that of the field whose value the
    /// text may be.
    pub(crate) fn behind(left_context: LeftContext, name: Option<Zeroizing<Vec<u8>>>) -> Self {
        Self { left_context, name }
    }

    /// See [`crate::request::Tokenizer::push`]; a window that is not the last is large enough to settle something.
    pub(crate) fn process(&mut self, step: &mut BodyStep<'_>, input: Input<'_>) -> Result<usize, Refusal> {
        self.process_at(step, input, &String::new)
    }

    /// The same for a text that is a part of something, at `place`.
    pub(crate) fn process_at(
        &mut self,
        step: &mut BodyStep<'_>,
        input: Input<'_>,
        place: &dyn Fn() -> String,
    ) -> Result<usize, Refusal> {
        step.scratch.view.begin(&self.left_context);
        step.scratch.view.finish(input.bytes);
        let settled = step.scratch.scan(input.bytes, input.last, true);
        if let Some(name) = self.name.take().filter(|_| input.last) {
            step.scratch.complete_value(input.bytes, &name);
        }
        let consumed = replace_findings(&PlainText { place }, step, input.bytes, settled)?.consumed;
        self.left_context.keep(&step.scratch.view, input.bytes, settled);
        Ok(consumed)
    }
}

/// Text of which every byte stands for itself.
pub(crate) struct PlainText<'a> {
    pub(crate) place: &'a dyn Fn() -> String,
}

impl FlatFormat for PlainText<'_> {
    fn place(&self, _: &[u8]) -> String {
        (self.place)()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use aegis_detect::{KnownKey, KnownList, KnownValues, LEFT_CONTEXT, OwnValue, Rules, Selection};

    use crate::format::Format;
    use crate::request::scan::view::WINDOW;
    use crate::request::tests::support::{AWS, PAT, PEM, lines, restore, run, run_pieces, shield};
    use crate::request::tokenizer::Tokenizer;

    fn sample(filler: usize) -> Vec<u8> {
        let noise = lines("line of the text", filler);
        format!("{AWS}\n{noise}token {PAT}\n{PEM}\nagain {PAT}").into_bytes()
    }

    #[test]
    fn secrets_are_replaced_and_nothing_else() {
        let text = sample(10);
        let (out, outcome) = run(Format::Text, &text).unwrap();
        assert_eq!(outcome.report.total(), 4);
        assert_eq!(outcome.vault.len(), 3);
        for secret in [AWS, PAT, PEM] {
            assert!(memchr::memmem::find(&out, secret.as_bytes()).is_none());
        }
        assert_eq!(restore(&out, &outcome, 0), text);
    }

    #[test]
    fn cuts_and_windows_do_not_matter() {
        let text = sample(WINDOW / 10);
        assert!(text.len() > 2 * WINDOW);
        let (whole, outcome) = run(Format::Text, &text).unwrap();
        assert_eq!(restore(&whole, &outcome, 0), text);
        for size in [1000, WINDOW - 1, WINDOW, WINDOW + 1] {
            let mut pieces: Vec<&[u8]> = text.chunks(size).collect();
            pieces.push(b"");
            let tokenizer = Tokenizer::new(shield(), Format::Text);
            assert_eq!(run_pieces(tokenizer, &pieces).unwrap().0, whole);
        }
    }

    #[test]
    fn a_second_pass_changes_nothing() {
        let (once, _) = run(Format::Text, &sample(3)).unwrap();
        let (twice, outcome) = run(Format::Text, &once).unwrap();
        assert_eq!(once, twice);
        assert!(outcome.vault.is_empty());
    }

    #[test]
    fn a_secret_on_every_place_around_a_window_is_seen() {
        for offset in WINDOW - 600..WINDOW - 600 + LEFT_CONTEXT {
            let mut text = vec![b'.'; offset];
            text.extend_from_slice(format!(" {PAT} ").as_bytes());
            text.resize(2 * WINDOW, b'.');
            let (out, outcome) = run(Format::Text, &text).unwrap();
            assert_eq!(outcome.vault.len(), 1, "{offset}");
            assert_eq!(restore(&out, &outcome, 0), text);
        }
    }

    #[test]
    fn the_request_s_own_key_is_hidden_at_every_place_around_a_window() {
        const KEY: &str = "gate-key-one";
        let known = Arc::new(KnownValues::new(&KnownList::new(KnownKey::new(&[5; 32]))));
        let selection = Selection { known: Some(&known), ..Selection::default() };
        let mut own_rules = Arc::into_inner(shield()).unwrap();
        own_rules.rules = Rules::load(&selection).unwrap();
        let own_rules = Arc::new(own_rules);
        for offset in (0..3).chain(WINDOW - 600..WINDOW + 20) {
            let mut text = vec![b'.'; offset];
            text.extend_from_slice(format!(" {KEY}, not gate-key-two ").as_bytes());
            text.resize(offset + WINDOW, b'.');
            let tokenizer = || Tokenizer::new(Arc::clone(&own_rules), Format::Text);
            let (out, outcome) =
                run_pieces(tokenizer().hiding(OwnValue::new(KEY.as_bytes()).ok()), &[&text]).unwrap();
            assert_eq!((outcome.vault.len(), outcome.report.total()), (1, 1), "{offset}");
            assert!(memchr::memmem::find(&out, KEY.as_bytes()).is_none(), "{offset}");
            assert_eq!(restore(&out, &outcome, 0), text);
            // The next request of the same shard does not know it.
            assert_eq!(run_pieces(tokenizer(), &[&text]).unwrap().0, text);
        }
    }
}
