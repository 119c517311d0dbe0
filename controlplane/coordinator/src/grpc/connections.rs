//! How many connections the gateways of one organisation hold.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Counts calls that stay open, by organisation.
#[derive(Debug, Clone)]
pub struct ConnectionLimit {
    most: usize,
    held: Arc<Mutex<HashMap<String, usize>>>,
}

/// One connection that is counted for as long as this lives.
#[derive(Debug)]
pub(super) struct HeldConnection {
    limit: ConnectionLimit,
    organisation: String,
}

impl ConnectionLimit {
    /// At most `most` for each organisation.
    pub fn new(most: usize) -> Self {
        ConnectionLimit { most, held: Arc::default() }
    }

    /// Counts one more; none if the organisation has as many as it may.
    pub(super) fn hold(&self, organisation: &str) -> Option<HeldConnection> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let count = held.entry(organisation.to_owned()).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(HeldConnection { limit: self.clone(), organisation: organisation.to_owned() })
    }
}

impl Drop for HeldConnection {
    fn drop(&mut self) {
        let mut held = self.limit.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = held.get_mut(&self.organisation) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.organisation);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_organisation_has_its_own_and_gets_them_back() {
        let limit = ConnectionLimit::new(2);
        let first = limit.hold("org_a").expect("one");
        let _second = limit.hold("org_a").expect("two");
        assert!(limit.hold("org_a").is_none());
        let _other = limit.hold("org_b").expect("another organisation");
        drop(first);
        let _third = limit.hold("org_a").expect("there is room again");
        assert!(limit.hold("org_a").is_none());
    }
}
