//! Where findings are decided on: policy, token, vault, report.

use std::sync::Arc;

use aegis_detect::{Category, DecodedValue, Evidence, Finding, Part, Reach, RuleIndex, Span};

use zeroize::Zeroizing;

use crate::documents::Documents;
use crate::policy::{Action, OpaqueAction};
use crate::report::{FindingKind, OpaqueKind, Report};
use crate::request::refusal::Refusal;
use crate::request::spelling;
use crate::request::value_search::ValueSearch;
use crate::shield::Shield;
use crate::token::Token;
use crate::vault::{Spelling, Vault};

/// What is longer is no line of a key, but several that were joined.
const MAX_KEY_LINE: usize = 76;

/// What one request has gathered, and what it decides by.
pub(crate) struct Redactor {
    pub(crate) shield: Arc<Shield>,
    pub(crate) vault: Vault,
    pub(crate) report: Report,
    /// The values that are hidden wherever they stand.
    pub(crate) search: ValueSearch,
    /// Most requests have none.
    pub(crate) documents: Option<Box<Documents>>,
    /// The part of a multipart body that is read.
    pub(crate) part: Option<u32>,
    /// Whether the body names something that the provider keeps of earlier requests.
    pub(crate) refers_to_history: bool,
}

/// What is done with a finding that is not simply allowed.
#[derive(Clone, Copy)]
pub(crate) struct Decision {
    rule: RuleIndex,
    evidence: Evidence,
    part: Part,
    /// Whether the value is worth searching for at all.
    reach: Reach,
    pub(crate) category: Category,
    pub(crate) action: Action,
}

/// What takes a secret's place.
pub(crate) enum Replacement {
    Token(Token),
    Word(&'static str),
}

impl Replacement {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Token(token) => token.as_bytes(),
            Self::Word(word) => word.as_bytes(),
        }
    }

    pub(crate) fn token(&self) -> Option<Token> {
        match self {
            Self::Token(token) => Some(*token),
            Self::Word(_) => None,
        }
    }
}

/// Edits the place of one secret.
pub(crate) trait SecretEdit {
    /// Goes to where the secret stands.
    fn reach(&mut self) -> Result<(), Refusal> {
        Ok(())
    }

    /// Writes what takes the place of the secret. Returns the token that stands there now, if it is one.
    fn replace(&mut self, redactor: &mut Redactor, decision: Decision) -> Result<Option<Token>, Refusal>;

    /// Where the secret stands, for the report.
    fn place(&self) -> String;
}

impl Decision {
    fn is_replaced(self) -> bool {
        matches!(self.action, Action::Warn | Action::Tokenize | Action::Redact)
    }
}

impl Redactor {
    /// The decision on a finding in `text`; `None` lets it pass without a trace.
    pub(crate) fn decide(&self, finding: &Finding, text: &[u8]) -> Option<Decision> {
        let rule = self.shield.rules.get(finding.rule);
        let action = self.shield.policy.decide(finding, rule, &text[finding.span.range()]);
        let Finding { rule: index, evidence, part, reach, .. } = *finding;
        let decision = Decision { rule: index, evidence, part, reach, category: rule.category, action };
        (action != Action::Allow).then_some(decision)
    }

    /// Decides on a finding in `text`, lets `edit` replace it if that is the decision, and records what was done.
    /// Returns whether anything was, which is not so for a finding that is allowed.
    pub(crate) fn settle(
        &mut self,
        finding: &Finding,
        text: &[u8],
        edit: &mut impl SecretEdit,
    ) -> Result<bool, Refusal> {
        self.report.begin(finding.part);
        let Some(decision) = self.decide(finding, text) else { return Ok(false) };
        edit.reach()?;
        let token = if decision.is_replaced() { edit.replace(self, decision)? } else { None };
        self.record(decision, token, || edit.place())?;
        Ok(true)
    }

    /// What takes the place of `value`.
    pub(crate) fn replacement(&mut self, decision: Decision, value: &[u8]) -> Result<Replacement, Refusal> {
        self.spelled_replacement(decision, value, (value, Spelling::VALUE))
    }

    /// What takes the place of a value that stands as `text` in a text, where it has the escapes of so many strings of a
    /// document, of which the text is or has a part.
    pub(crate) fn member_replacement(
        &mut self,
        decision: Decision,
        text: &[u8],
        layers: u8,
    ) -> Result<Replacement, Refusal> {
        if layers == 0 {
            return self.replacement(decision, text);
        }
        let value = Spelling::in_document(layers).value_of(text);
        let spelled = spelling::of(text, &value, layers, 0);
        let (text, layers) = spelled.as_ref().map_or((&value[..], 0), |(text, layers)| (&text[..], *layers));
        self.spelled_replacement(decision, &value, (text, Spelling::in_document(layers)))
    }

    /// What takes the place of `value`, which stands there as this text.
    pub(crate) fn spelled_replacement(
        &mut self,
        decision: Decision,
        value: &[u8],
        (text, spelling): (&[u8], Spelling),
    ) -> Result<Replacement, Refusal> {
        self.search_for(decision, value);
        if text != value && decision.reach != Reach::InPlace {
            // A part of the document holds it as it is spelled.
            self.search.note_spelling(&self.shield, decision.rule, value, text);
        }
        if decision.action == Action::Redact {
            return Ok(Replacement::Word(redacted(decision.category)));
        }
        let known = self.vault.token_of(value);
        let fits = known.is_none_or(|token| self.vault.fits(&token, text, spelling));
        // What documents spell in several ways comes back in each: only the first of them has the token of the value.
        let minted = if fits { Zeroizing::new(value.to_vec()) } else { quoted(text) };
        let token = known.filter(|_| fits).unwrap_or_else(|| {
            let category = known.map_or(decision.category, |token| token.category());
            self.shield.keyring.mint(category, &minted)
        });
        if self.vault.spelling(&token).is_none() && self.vault.len() >= self.shield.limits.secrets {
            return Err(Refusal::TooManySecrets);
        }
        if !self.vault.covers(&token, text, spelling) {
            self.vault.insert_spelled(token, text, spelling)?;
            for older in self.shield.keyring.mint_older(token.category(), &minted) {
                self.vault.insert_alias(older, text, spelling)?;
            }
        }
        Ok(Replacement::Token(token))
    }

    /// Hides `value`, too, wherever else it stands.
    fn search_for(&mut self, decision: Decision, value: &[u8]) {
        if decision.evidence == Evidence::Value {
            self.search.meet(value);
            return;
        }
        let Decision { rule, part, reach, .. } = decision;
        if reach != Reach::InPlace && self.search.note(&self.shield, rule, value) == Reach::InPlace {
            self.report.count_in_place();
        }
        if part != Part::Whole && value.len() > MAX_KEY_LINE {
            self.search.note_key(&self.shield, rule, value, matches!(part, Part::First { .. }));
        }
    }

    /// Searches for a value that a rule found in encoded text, if a policy hides it.
    pub(crate) fn note_decoded(&mut self, decoded: &DecodedValue) {
        let DecodedValue { rule, confidence, value } = decoded;
        let span = Span::new(0, value.len());
        let finding = Finding::whole(*rule, span, *confidence);
        if self.decide(&finding, value).is_some_and(Decision::is_replaced) {
            self.search.note(&self.shield, *rule, value);
            if self.shield.rules.get(*rule).category == Category::Pkey {
                self.search.note_key(&self.shield, *rule, value, true);
            }
        }
    }

    /// Writes down what was done; refuses the request if that is the decision.
    fn record(
        &mut self,
        decision: Decision,
        token: Option<Token>,
        place: impl Fn() -> String,
    ) -> Result<(), Refusal> {
        let Decision { rule, evidence, part: of_secret, category, action, .. } = decision;
        if of_secret == Part::Next && self.report.add_line() {
            return Ok(());
        }
        let part = self.part;
        let place = || in_part(part, place());
        let kind = FindingKind { rule, evidence, part: of_secret, category };
        self.report.record(kind, action, token, place);
        match action {
            Action::Block => Err(Refusal::Blocked { rule, category, place: place() }),
            _ => Ok(()),
        }
    }

    /// Writes down that a value is not read; refuses the request if that is the decision.
    pub(crate) fn opaque(&mut self, kind: OpaqueKind, place: impl Fn() -> String) -> Result<(), Refusal> {
        let part = self.part;
        let place = || in_part(part, place());
        self.report.record_opaque(kind, place);
        match self.shield.policy.opaque() {
            OpaqueAction::Refuse => Err(Refusal::Opaque { kind, place: place() }),
            OpaqueAction::Pass => Ok(()),
        }
    }
}

/// What the token of a value is minted for that documents spell in another way as well.
fn quoted(text: &[u8]) -> Zeroizing<Vec<u8>> {
    Zeroizing::new([b"\"", text, b"\""].concat())
}

/// A place in a part of a multipart body.
fn in_part(part: Option<u32>, place: String) -> String {
    match part {
        None => place,
        Some(part) if place.is_empty() => format!("part[{part}]"),
        Some(part) => format!("part[{part}].{place}"),
    }
}

/// The word that redaction leaves. Printable ASCII that no string format escapes.
fn redacted(category: Category) -> &'static str {
    match category {
        Category::Key => "[REDACTED-KEY]",
        Category::Secret => "[REDACTED-SECRET]",
        Category::Token => "[REDACTED-TOKEN]",
        Category::Conn => "[REDACTED-CONN]",
        Category::Pkey => "[REDACTED-PKEY]",
        Category::User => "[REDACTED-USER]",
        Category::Host => "[REDACTED-HOST]",
        Category::Pii => "[REDACTED-PII]",
    }
}
