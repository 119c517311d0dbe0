//! What every part of a running coordinator works with.

use std::sync::Arc;

use tracing::warn;

use crate::authority::Authority;
use crate::config::Coordinator;
use crate::storage::fleet::{self, Hello, Welcome};
use crate::storage::{Database, Micros, Operator, Result, Tx};

/// Microseconds of a second.
const SECOND: Micros = 1_000_000;

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

/// A process of a gateway that calls.
#[derive(Debug, Clone, Copy)]
pub struct Caller<'c> {
    /// The gateway.
    pub gateway: &'c str,
    /// Its process.
    pub boot: &'c str,
    /// The process that it takes over from; empty if it takes over from none.
    pub predecessor: &'c str,
    /// Where it comes from.
    pub address: &'c str,
}

impl Service {
    /// Admits a process of a gateway; gives the process that lives under the same identity, if it is refused for it. Either
    /// way the transaction is to be committed: a conflict is kept for the operator.
    pub async fn hello(
        &self,
        tx: &mut Tx<Operator>,
        caller: Caller<'_>,
        time: Micros,
    ) -> Result<Option<String>> {
        let Caller { gateway, boot, predecessor, address } = caller;
        let hello = Hello {
            gateway,
            boot,
            takes_over: Some(predecessor).filter(|boot| !boot.is_empty()),
            coordinator: &self.name,
            address,
            time,
            stale_after: i64::from(self.settings.health_stale_secs) * SECOND,
        };
        match fleet::hello(tx, &hello).await? {
            Welcome::Admitted => Ok(None),
            Welcome::Refused { live_boot } => {
                warn!(gateway, boot, live_boot, address, "two processes have one identity");
                Ok(Some(live_boot))
            }
        }
    }
}
