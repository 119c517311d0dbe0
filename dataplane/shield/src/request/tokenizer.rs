//! Takes the texts of one request, window by window, and replaces their secrets by tokens: its body, and before that
//! what of its head is scanned.

use std::sync::Arc;

use aegis_detect::OwnValue;

use crate::documents::Documents;
use crate::format::Format;
use crate::report::Report;
use crate::request::body::dispatch::RequestBody;
use crate::request::body::step::{BodyStep, Input};
use crate::request::redactor::Redactor;
use crate::request::refusal::Refusal;
use crate::request::scan::scratch::ShardScratch;
use crate::request::scan::view::WINDOW;
use crate::request::splice::Splice;
use crate::shield::Shield;
use crate::vault::Vault;

/// Replaces the secrets of one request by tokens.
pub struct Tokenizer {
    redactor: Redactor,
    body: RequestBody,
    own: Option<OwnValue>,
    refused: Option<Refusal>,
    finished: bool,
}

/// What a request leaves behind.
pub struct Outcome {
    /// The secrets that were replaced: what the reply is restored from.
    pub vault: Vault,
    /// What was found and done.
    pub report: Report,
    /// Where in the text documents of the body secrets were replaced: what positions in the reply are moved by.
    pub documents: Documents,
}

impl Tokenizer {
    /// A tokenizer whose first text has this format.
    pub fn new(shield: Arc<Shield>, format: Format) -> Self {
        Self::with_vault(shield, format, Vault::new())
    }

    /// A tokenizer that goes on with the vault of a session: its tokens keep resolving, and its secrets keep their
    /// tokens.
    pub fn with_vault(shield: Arc<Shield>, format: Format, vault: Vault) -> Self {
        let redactor = Redactor { shield, vault, report: Report::default(), documents: None, part: None };
        Self { redactor, body: RequestBody::new(format), own: None, refused: None, finished: false }
    }

    /// Hides this value, too: the key that the request was let in with, which no rule need know.
    #[must_use]
    pub fn hiding(mut self, own: Option<OwnValue>) -> Self {
        self.own = own;
        self
    }

    /// Begins another text of the same request, in place of the one before: its secrets get the same tokens. Findings add
    /// up until [`Self::take_report`].
    pub fn begin(&mut self, format: Format) {
        self.body = RequestBody::new(format);
        self.redactor.part = None;
        self.finished = false;
    }

    /// Takes a step. `input` holds all bytes that were not consumed yet, `last` says that no more will come.
    ///
    /// Looks at no more than [`WINDOW`] bytes. While fewer are there and more will come, nothing is consumed, so
    /// that the result does not depend on how the text was cut. Appends to `out` what replaces the consumed bytes
    /// and says how many they are. The caller drops them from its input and calls again; a body is done when
    /// `last` is set and all of it is consumed (call at least once with `last`, if only with no bytes left).
    pub fn push(
        &mut self,
        scratch: &mut ShardScratch,
        input: &[u8],
        last: bool,
        out: &mut Splice,
    ) -> Result<usize, Refusal> {
        if let Some(refusal) = &self.refused {
            return Err(refusal.clone());
        }
        if self.finished || (!last && input.len() < WINDOW) {
            return Ok(0);
        }
        let window = &input[..input.len().min(WINDOW)];
        let last = last && window.len() == input.len();
        match self.step(scratch, window, last, out) {
            Ok(consumed) => {
                out.consumed(consumed);
                self.finished = last && consumed == window.len();
                Ok(consumed)
            }
            Err(refusal) => {
                self.refused = Some(refusal.clone());
                Err(refusal)
            }
        }
    }

    fn step(
        &mut self,
        scratch: &mut ShardScratch,
        window: &[u8],
        last: bool,
        out: &mut Splice,
    ) -> Result<usize, Refusal> {
        scratch.ensure_rules(&self.redactor.shield, self.own.as_ref())?;
        let mut step = BodyStep { redactor: &mut self.redactor, scratch, out };
        let consumed = self.body.process(&mut step, Input { bytes: window, last })?;
        if consumed == 0 && !window.is_empty() {
            // A format that is stuck would be asked for ever.
            return Err(Refusal::Scanner);
        }
        if last && consumed == window.len() {
            self.body.end()?;
        }
        Ok(consumed)
    }

    /// What the request is tokenized under.
    #[cfg(test)]
    pub(crate) fn shield(&self) -> &Shield {
        &self.redactor.shield
    }

    /// Whether the whole body is consumed.
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// What was found and done so far, since the last [`Self::take_report`].
    pub fn report(&self) -> &Report {
        &self.redactor.report
    }

    /// Takes what was found and done so far; what follows is reported apart from it.
    pub fn take_report(&mut self) -> Report {
        std::mem::take(&mut self.redactor.report)
    }

    /// The secrets that were replaced so far.
    pub fn vault(&self) -> &Vault {
        &self.redactor.vault
    }

    /// Whether nothing was replaced so far, so that the reply is the same with and without the outcome.
    pub fn leaves_nothing(&self) -> bool {
        self.redactor.vault.is_empty()
            && self.redactor.documents.as_ref().is_none_or(|documents| documents.is_empty())
    }

    /// The request is over: its vault is what the reply is restored from.
    pub fn finish(self) -> Outcome {
        let Redactor { vault, report, documents, .. } = self.redactor;
        Outcome {
            vault,
            report,
            documents: documents.map_or_else(Documents::default, |documents| *documents),
        }
    }
}
