//! Takes the texts of one request, window by window, and replaces their secrets by tokens: its body, and before that
//! what of its head is scanned.

use std::collections::HashSet;
use std::sync::Arc;

use aegis_detect::{FoundList, FoundValues, OwnValue, SearchValues};

use crate::documents::Documents;
use crate::format::Format;
use crate::report::Report;
use crate::request::body::dispatch::FormatBody;
use crate::request::body::step::{BodyStep, Input};
use crate::request::redactor::Redactor;
use crate::request::refusal::Refusal;
use crate::request::scan::scratch::ShardScratch;
use crate::request::scan::view::WINDOW;
use crate::request::splice::Splice;
use crate::request::value_search::ValueSearch;
use crate::shield::Shield;
use crate::vault::Vault;

/// Replaces the secrets of one request by tokens.
pub struct Tokenizer {
    redactor: Redactor,
    format: Format,
    body: FormatBody,
    own: Option<OwnValue>,
    refused: Option<Refusal>,
    finished: bool,
    pass: Pass,
    /// Whether values are hidden wherever they stand, and not only where rules find them.
    searches: bool,
}

/// Which reading of the body it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pass {
    /// The first; if it finds values, the body is read again.
    First,
    /// The second: all that is found is searched for from the start.
    Second,
    /// The only one, since the body is sent while it is read: what is found is searched for from there on.
    Only,
}

/// What a request leaves behind.
pub struct TokenizeOutcome {
    /// The secrets that were replaced: what the reply is restored from.
    pub vault: Vault,
    /// What was found and done.
    pub report: Report,
    /// Where in the text documents of the body secrets were replaced: what positions in the reply are moved by.
    pub documents: Documents,
    /// Values that were found and that earlier requests did not have, as hashes; none in most requests.
    pub found: Option<Box<FoundList>>,
    /// Names of the remembered values that the body held.
    pub met: HashSet<[u8; 32]>,
}

impl Tokenizer {
    /// A tokenizer whose first text has this format.
    pub fn new(shield: Arc<Shield>, format: Format) -> Self {
        Self::with_vault(shield, format, Vault::new())
    }

    /// A tokenizer that goes on with the vault of a session: its tokens keep resolving, and its secrets keep their
    /// tokens.
    pub fn with_vault(shield: Arc<Shield>, format: Format, vault: Vault) -> Self {
        let search = ValueSearch::default();
        let redactor = Redactor {
            shield,
            vault,
            report: Report::default(),
            search,
            documents: None,
            part: None,
            refers_to_history: false,
        };
        let body = FormatBody::new(format);
        Self {
            redactor,
            format,
            body,
            own: None,
            refused: None,
            finished: false,
            pass: Pass::First,
            searches: true,
        }
    }

    /// Until the [body begins](Self::begin_body), values are hidden only where rules find them: what stands in a head has a
    /// meaning.
    #[must_use]
    pub fn in_head(mut self) -> Self {
        self.searches = false;
        self
    }

    /// Begins the body: text in which values are hidden wherever they stand, those that were found in the head as well,
    /// and those that earlier requests of the same client held. These must have been prepared under the rules of this
    /// tokenizer's shield.
    pub fn begin_body(&mut self, format: Format, remembered: Option<Arc<FoundValues>>) {
        self.begin(format);
        self.redactor.search.remember(remembered);
        self.redactor.search.prepare();
        self.searches = true;
    }

    /// From now on the body is read once only, since its beginning is sent before its end is there: a value is hidden
    /// wherever it stands behind the place where it was found.
    pub fn read_once(&mut self) {
        self.pass = Pass::Only;
    }

    /// Begins the body again if values were found in it that may stand elsewhere, too; says whether it does. The caller
    /// forgets all output, and pushes the same bytes again from the first one on.
    ///
    /// To be asked when the body [is finished](Self::is_finished). A body is read twice at most.
    pub fn rewind(&mut self) -> bool {
        if self.pass != Pass::First || !self.finished || !self.redactor.search.has_news() {
            return false;
        }
        self.redactor.search.prepare();
        self.redactor.report = Report::default();
        self.redactor.vault.forget_spellings();
        self.redactor.documents = None;
        self.redactor.part = None;
        self.body = FormatBody::new(self.format);
        (self.finished, self.pass) = (false, Pass::Second);
        true
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
        self.format = format;
        self.body = FormatBody::new(format);
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
        if self.pass == Pass::Only {
            self.redactor.search.prepare();
        }
        let found = if self.searches { self.redactor.search.values() } else { SearchValues::default() };
        let values = SearchValues { own: self.own.clone(), collects_decoded: true, ..found };
        scratch.ensure_rules(&self.redactor.shield, values)?;
        let mut step = BodyStep { redactor: &mut self.redactor, scratch, out };
        let consumed = self.body.process(&mut step, Input { bytes: window, last })?;
        scratch.take_decoded_values().for_each(|decoded| self.redactor.note_decoded(&decoded));
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

    /// The same, to be added to when all is read: values of earlier requests that the reply may hold.
    pub fn vault_mut(&mut self) -> &mut Vault {
        &mut self.redactor.vault
    }

    /// Whether what was read so far names something that the provider keeps of earlier requests, so that the reply may
    /// hold their tokens.
    pub fn refers_to_history(&self) -> bool {
        self.redactor.refers_to_history
    }

    /// Whether nothing was replaced so far, so that the reply is the same with and without the outcome.
    pub fn leaves_nothing(&self) -> bool {
        self.redactor.vault.is_empty()
            && self.redactor.documents.as_ref().is_none_or(|documents| documents.is_empty())
    }

    /// The request is over: its vault is what the reply is restored from.
    pub fn finish(self) -> TokenizeOutcome {
        let Redactor { vault, report, documents, search, .. } = self.redactor;
        let (found, met) = search.into_parts();
        TokenizeOutcome {
            vault,
            report,
            found,
            met,
            documents: documents.map_or_else(Documents::default, |documents| *documents),
        }
    }
}
