//! Numbers as people write them: groups of digits with one separator between two.

#![expect(clippy::cast_possible_truncation, reason = "a run is at most one longer than `MAX_RUN`")]

use super::context;
use super::scope::PersonalScope;
use crate::text::TooShort;

/// The most groups that are read.
pub(super) const MAX_GROUPS: usize = 8;
/// A longer run of digits is no number of a person.
const MAX_RUN: usize = 20;

/// Groups of digits from the start of a run on.
pub(super) struct Groups {
    pub(super) count: usize,
    start: usize,
    lens: [u8; MAX_GROUPS],
    /// The separator behind each group; 0 behind the last.
    seps: [u8; MAX_GROUPS],
}

/// Reads the groups that begin at `at`.
pub(super) fn read(scope: PersonalScope<'_>, at: usize) -> Result<Groups, TooShort> {
    let mut groups = Groups { count: 0, start: at, lens: [0; MAX_GROUPS], seps: [0; MAX_GROUPS] };
    let mut at = at;
    while groups.count < MAX_GROUPS {
        let mut end = at;
        while end - at <= MAX_RUN && scope.byte(end)?.is_some_and(|b| b.is_ascii_digit()) {
            end += 1;
        }
        if end == at {
            break;
        }
        let place = groups.count;
        // At most one more than `MAX_RUN`.
        groups.lens[place] = (end - at) as u8;
        groups.count += 1;
        let Some(sep @ (b' ' | b'-' | b'.' | b'/')) = scope.byte(end)? else { break };
        if !scope.byte(end + 1)?.is_some_and(|b| b.is_ascii_digit()) {
            break;
        }
        groups.seps[place] = sep;
        at = end + 1;
    }
    Ok(groups)
}

impl Groups {
    /// Where the first group begins.
    pub(super) fn start(&self) -> usize {
        self.start
    }

    /// Where the `count`-th group ends.
    pub(super) fn end(&self, count: usize) -> usize {
        let digits: usize = self.lens[..count].iter().map(|len| usize::from(*len)).sum();
        self.start + digits + count - 1
    }

    /// The lengths of the groups.
    pub(super) fn lens(&self) -> &[u8] {
        &self.lens[..self.count]
    }

    /// The separators between the first `count` groups.
    pub(super) fn seps(&self, count: usize) -> &[u8] {
        &self.seps[..count - 1]
    }

    /// Where the first groups end, if they are of these lengths, with one of `seps` between all of them, and neither
    /// before nor behind them the row goes on.
    pub(super) fn shape(
        &self,
        scope: PersonalScope<'_>,
        lens: &[u8],
        seps: &[u8],
    ) -> Result<Option<usize>, TooShort> {
        let count = lens.len();
        if self.count < count || self.lens[..count] != *lens {
            return Ok(None);
        }
        let uniform = count == 1
            || (seps.contains(&self.seps[0]) && self.seps[..count - 1].iter().all(|s| *s == self.seps[0]));
        if !uniform {
            return Ok(None);
        }
        self.bounded(scope, count)
    }

    /// Where the first `count` groups end, if they are no part of a longer row.
    pub(super) fn bounded(&self, scope: PersonalScope<'_>, count: usize) -> Result<Option<usize>, TooShort> {
        let end = self.end(count);
        let text = scope.view.text;
        if !context::is_value_start(text, self.start()) || !context::ends(scope, end)? {
            return Ok(None);
        }
        let before = &text[..self.start()];
        let row_before = match before {
            [.., a, b' '] if a.is_ascii_digit() => {
                let run =
                    before[..before.len() - 1].iter().rev().take(MAX_RUN).take_while(|b| b.is_ascii_digit());
                count > 1 && run.count() == usize::from(self.lens[0])
            }
            [.., a, b'/'] => a.is_ascii_digit(),
            _ => false,
        };
        let row_after = count < self.count
            && match self.seps[count - 1] {
                b' ' => count > 1 && self.lens[count] == self.lens[count - 1],
                _ => true,
            };
        Ok((!row_before && !row_after).then_some(end))
    }

    /// The digits of the first `count` groups as values, at most as many as fit.
    pub(super) fn digits<'b>(&self, text: &[u8], count: usize, buffer: &'b mut [u8; 24]) -> &'b [u8] {
        let mut filled = 0;
        for byte in text[self.start()..self.end(count)].iter().filter(|b| b.is_ascii_digit()) {
            if filled < buffer.len() {
                buffer[filled] = byte - b'0';
                filled += 1;
            }
        }
        &buffer[..filled]
    }
}
