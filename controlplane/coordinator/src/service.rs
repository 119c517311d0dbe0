//! What every part of a running coordinator works with.

use std::sync::Arc;

use crate::authority::Authority;
use crate::config::Coordinator;
use crate::storage::Database;

/// The coordinator's parts. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Service {
    /// The database.
    pub database: Database,
    /// What certifies gateways.
    pub authority: Arc<Authority>,
    /// How it works with its gateways.
    pub settings: Arc<Coordinator>,
    /// Name of this process among coordinators: random, made at each start.
    pub name: Arc<str>,
}
