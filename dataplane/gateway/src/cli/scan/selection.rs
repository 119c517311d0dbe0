//! Which findings are reported: by rule, severity and confidence.

use aegis_detect::{Confidence, Finding, RuleIndex, Rules, Severity};

use super::project::{Project, unknown_rule};
use crate::cli::outcome::{CliFailure, failure};

/// What is reported of all that is found.
#[derive(Debug)]
pub(super) struct FindingFilter {
    min_confidence: Confidence,
    /// For each rule, by its index.
    verdicts: Vec<RuleChoice>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RuleChoice {
    /// Reported at any confidence.
    Always,
    /// Reported when it is sure enough.
    WhenSure,
    Never,
}

impl FindingFilter {
    /// What flags say, and where they are silent what the project says. `only` names the rules to report, if any.
    pub(super) fn new(
        rules: &Rules,
        project: Option<&Project>,
        only: &[String],
        min_severity: Option<Severity>,
        min_confidence: Option<Confidence>,
    ) -> Result<Self, CliFailure> {
        let least = min_severity.or_else(|| project?.min_severity).unwrap_or(Severity::Low);
        let severe = |severity| if severity >= least { RuleChoice::WhenSure } else { RuleChoice::Never };
        let mut verdicts: Vec<RuleChoice> = rules.iter().map(|(_, rule)| severe(rule.severity)).collect();
        let mut set = |index: RuleIndex, verdict| verdicts[usize::from(index.0)] = verdict;
        for switch in project.iter().flat_map(|project| project.switches(rules)) {
            let (index, is_on) = switch?;
            set(index, if is_on { RuleChoice::Always } else { RuleChoice::Never });
        }
        if !only.is_empty() {
            verdicts.fill(RuleChoice::Never);
            for id in only {
                let index = rules.find(id).ok_or_else(|| {
                    failure(format!("--rule {id}: there is no rule `{id}`"), &unknown_rule(rules, id))
                })?;
                verdicts[usize::from(index.0)] = RuleChoice::WhenSure;
            }
        }
        let min_confidence = min_confidence.or_else(|| project?.min_confidence).unwrap_or(Confidence::Low);
        Ok(Self { min_confidence, verdicts })
    }

    /// Findings below this confidence are not reported, whatever rule they are of.
    pub(super) fn least(&self) -> Confidence {
        if self.verdicts.contains(&RuleChoice::Always) { Confidence::Low } else { self.min_confidence }
    }

    /// Whether the finding is reported.
    pub(super) fn takes(&self, finding: &Finding) -> bool {
        match self.verdicts.get(usize::from(finding.rule.0)) {
            Some(RuleChoice::Always) => true,
            Some(RuleChoice::WhenSure) => finding.confidence >= self.min_confidence,
            Some(RuleChoice::Never) | None => false,
        }
    }
}
