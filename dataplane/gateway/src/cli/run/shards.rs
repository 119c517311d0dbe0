//! The threads that serve: how many there are, on which CPUs, and how many clients each may have.

use std::net::TcpListener;
use std::sync::Arc;
use std::thread::JoinHandle;

use super::threads::spawn;
use crate::cli::capacity;
use crate::cli::outcome::{CliFailure, failure};
use crate::config::settings::{Driver, Settings};
use crate::control::shared::Shared;
use crate::descriptors::ProcessShape;
use crate::events::Sender;
use crate::lifecycle::{Phase, ShardContext, ShardState};
use crate::{os, shard};

/// What the shards of a process share.
pub(super) struct ShardPlan {
    pub(super) driver: Driver,
    pub(super) shards: usize,
    cpus: Vec<usize>,
    /// Client connections that there is room for.
    connections: usize,
}

impl ShardPlan {
    /// As configured, as far as the machine allows it.
    ///
    /// # Errors
    ///
    /// When the driver cannot be used here, or descriptors do not reach for one client on each shard.
    pub(super) fn new(settings: &Settings) -> Result<ShardPlan, CliFailure> {
        let driver = shard::driver::choose(settings.server.driver).map_err(|what| failure(what, ""))?;
        let cpus = os::cpus();
        let shape = capacity::shape(settings);
        let shards = shape.shards;
        if let Some(problem) = os::ring_memory_problem(shards).filter(|_| driver == Driver::IoUring) {
            tracing::warn!("{problem}");
        }
        let connections = affordable_connections(settings, shape)?;
        Ok(ShardPlan { driver, shards, cpus, connections })
    }

    /// Starts a shard for each ring of events and its sockets. Their threads say true when they ended in good order.
    pub(super) fn start(
        &self,
        shared: &Arc<Shared>,
        rings: Vec<Sender>,
        sockets: Vec<Vec<TcpListener>>,
    ) -> Result<Vec<JoinHandle<bool>>, CliFailure> {
        let each = rings.into_iter().zip(sockets).enumerate();
        each.map(|(index, (events, listeners))| {
            let context = ShardContext {
                index,
                shards: self.shards,
                // More shards than CPUs share them in turn.
                cpu: self.cpus.get(index % self.cpus.len()).copied(),
                listeners,
                driver: self.driver,
                max_connections: share(self.connections, self.shards, index),
                snapshots: Arc::clone(&shared.snapshots),
                lifecycle: Arc::clone(&shared.lifecycle),
                metrics: Arc::clone(&shared.metrics.shards()[index]),
                events,
            };
            start_shard(context, Arc::clone(shared))
        })
        .collect()
    }
}

/// The client connections that there is room for: as many as configured, if the limit of descriptors allows them. Those that
/// it does not are refused, instead of being accepted and then left without an upstream.
fn affordable_connections(settings: &Settings, shape: ProcessShape) -> Result<usize, CliFailure> {
    let wanted = settings.server.max_connections;
    let limit = match os::raise_descriptor_limit() {
        Ok(limit) => limit,
        Err(error) => {
            tracing::warn!(%error, "cannot raise the number of descriptors");
            return Ok(wanted);
        }
    };
    let connections = capacity::connections(shape, limit).map_err(|(what, help)| failure(what, &help))?;
    if connections < wanted {
        tracing::warn!(
            limit,
            connections,
            needed = shape.needed_for(wanted as u64),
            "fewer descriptors than server.max_connections needs: further clients are refused; raise LimitNOFILE or \
             ulimit -n"
        );
    }
    Ok(connections.min(wanted))
}

/// Starts a shard on its CPU. Its thread says true when the shard ended in good order.
fn start_shard(context: ShardContext, shared: Arc<Shared>) -> Result<JoinHandle<bool>, CliFailure> {
    let index = context.index;
    spawn(&format!("aegis-shard-{index}"), move || {
        if let Some(cpu) = context.cpu
            && let Err(error) = os::pin(cpu)
        {
            tracing::warn!(shard = index, cpu, %error, "cannot pin a shard to its CPU");
        }
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| shard::run(context)));
        shared.lifecycle.set_shard(index, ShardState::Ended);
        match ended {
            Ok(Ok(())) => return true,
            Ok(Err(error)) => {
                tracing::error!(shard = index, %error, "a shard cannot go on; draining the others");
            }
            Err(_) => tracing::error!(shard = index, "a shard ended by a fault; draining the others"),
        }
        // Fewer shards than promised would go unnoticed; a supervisor starts a whole gateway.
        shared.leave(Phase::Draining);
        false
    })
}

/// Fair share of `total` for one of `shards`, the remainder going to the first.
fn share(total: usize, shards: usize, index: usize) -> usize {
    (total / shards + usize::from(index < total % shards)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_shared_out_whole() {
        assert_eq!((0..3).map(|index| share(10, 3, index)).collect::<Vec<_>>(), [4, 3, 3]);
        assert_eq!((0..3).map(|index| share(2, 3, index)).collect::<Vec<_>>(), [1, 1, 1]);
    }
}
