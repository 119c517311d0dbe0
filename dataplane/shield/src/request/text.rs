//! Bodies that are text, or nothing better known: scanned as they are.

use super::desk::Desk;
use super::gather::Gather;
use super::refusal::Refusal;
use super::scratch::ShardScratch;
use super::view::Context;

/// The state between two windows of a text.
pub(super) struct TextBody {
    context: Context,
}

impl TextBody {
    pub(super) fn new() -> Self {
        Self { context: Context::new() }
    }

    /// See [`super::Tokenizer::push`]; a window that is not the last is large enough to settle something.
    pub(super) fn process(
        &mut self,
        desk: &mut Desk,
        scratch: &mut ShardScratch,
        window: &[u8],
        last: bool,
        out: &mut Gather,
    ) -> Result<usize, Refusal> {
        scratch.view.begin(&self.context);
        scratch.view.finish(window);
        let settled = scratch.scan(window, last, true);
        let text = scratch.view.text(window);
        let fresh = scratch.view.fresh();
        let mut passed = 0;
        for finding in &scratch.findings {
            let Some(decision) = desk.decide(finding, text) else { continue };
            let mut token = None;
            if decision.replaces() {
                let replacement = desk.replacement(decision, &text[finding.start..finding.end])?;
                out.pass(passed..finding.start - fresh);
                out.put(replacement.as_bytes());
                passed = finding.end - fresh;
                token = replacement.token();
            }
            desk.record(decision, token, String::new)?;
        }
        out.pass(passed..settled - fresh);
        self.context.keep(&scratch.view, window, settled);
        Ok(settled - fresh)
    }
}

#[cfg(test)]
mod tests {
    use aegis_detect::LEFT_CONTEXT;

    use super::super::testing::{AWS, PAT, PEM, lines, restore, run, run_pieces, shield};
    use super::super::{Tokenizer, WINDOW};
    use crate::format::Format;

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
}
