//! Working memory of one thread, shared by all its requests.

use std::sync::Arc;

use aegis_detect::{Finding, RuleError, Rules, Scanner, Window};
use zeroize::Zeroizing;

use super::json::Part;
use super::refusal::Refusal;
use super::view::View;

/// The scanner and the buffers of one shard. Holds no state of any request between two calls, though its buffers
/// keep old bytes until they are overwritten.
pub struct ShardScratch {
    scanner: Scanner,
    pub(super) view: View,
    pub(super) findings: Vec<Finding>,
    /// The parts of the secret at hand, and their decoded bytes.
    pub(super) parts: Vec<Part>,
    pub(super) value: Zeroizing<Vec<u8>>,
}

impl ShardScratch {
    /// Allocates everything that requests under these rules need.
    pub fn new(rules: &Arc<Rules>) -> Result<Self, RuleError> {
        Ok(Self {
            scanner: Scanner::new(Arc::clone(rules))?,
            view: View::new(),
            findings: Vec::new(),
            parts: Vec::new(),
            value: Zeroizing::new(Vec::new()),
        })
    }

    /// Makes sure that it is `rules` that are applied; a reload may have replaced them.
    pub(super) fn fit(&mut self, rules: &Arc<Rules>) -> Result<(), Refusal> {
        if !Arc::ptr_eq(self.scanner.rules(), rules) {
            self.scanner = Scanner::new(Arc::clone(rules)).map_err(|_| Refusal::Scanner)?;
        }
        Ok(())
    }

    /// Scans the finished view of `raw`. The findings are kept in `self.findings`; the result is how far the view
    /// is settled.
    ///
    /// With `full` there will never be more raw bytes in a window than these. If nothing is settled even so (raw
    /// bytes that decode to very few), the view is judged as if the text ended with it: a request must not stall.
    pub(super) fn scan(&mut self, raw: &[u8], last: bool, full: bool) -> usize {
        let text = self.view.text(raw);
        let fresh = self.view.fresh();
        let scan = self.scanner.scan(Window { text, fresh, last });
        let settled = if scan.settled > fresh || last || !full {
            self.findings.clear();
            self.findings.extend_from_slice(scan.findings);
            scan.settled
        } else {
            let scan = self.scanner.scan(Window { text, fresh, last: true });
            self.findings.clear();
            self.findings.extend_from_slice(scan.findings);
            scan.settled
        };
        debug_assert!(settled >= fresh && settled <= text.len());
        settled
    }
}
