//! What the machine gives: the system interface of the shards, descriptors, locked memory.

use nix::sys::resource::{Resource, getrlimit};

use super::diagnosis::Diagnosis;
use crate::config::Settings;
use crate::config::settings::Driver;
use crate::descriptors::ProcessShape;
use crate::{os, shard};

/// Looks at the limits of this process, which a gateway started from here would have.
pub(super) fn examine(settings: &Settings) -> Vec<Diagnosis> {
    let mut diagnoses = Vec::new();
    let cpus = os::cpus().len();
    let shards = if settings.server.shards == 0 { cpus } else { settings.server.shards };
    match shard::driver::choose(settings.server.driver) {
        Ok(driver) => {
            let report = shard::driver::report();
            diagnoses.push(if driver == Driver::IoUring || settings.server.driver == Driver::Epoll {
                Diagnosis::good(format!("driver: {report}"))
            } else {
                Diagnosis::note(format!("driver: {report}"), "epoll works as well, at more CPU time")
            });
            if let Some(problem) = os::ring_memory_problem(shards).filter(|_| driver == Driver::IoUring) {
                diagnoses.push(Diagnosis::warning(problem, ""));
            }
        }
        Err(what) => {
            let (what, help) = what.split_once("\n  help: ").unwrap_or((&what, ""));
            diagnoses.push(Diagnosis::problem(what, help));
        }
    }
    diagnoses.push(descriptors(settings, shards));
    let locked =
        os::locked_memory_limit().map_or("no limit".to_owned(), |bytes| format!("{} KiB", bytes >> 10));
    diagnoses.push(Diagnosis::good(format!("{cpus} CPUs, {shards} shards; locked memory: {locked}")));
    diagnoses
}

/// The gateway raises its limit of descriptors to the hard one.
fn descriptors(settings: &Settings, shards: usize) -> Diagnosis {
    let shape = ProcessShape { shards, addresses: settings.server.listen.len() };
    let wanted = settings.server.max_connections as u64;
    let needed = shape.needed_for(wanted);
    match getrlimit(Resource::RLIMIT_NOFILE) {
        Ok((_, hard)) if hard < needed => Diagnosis::warning(
            format!(
                "{hard} descriptors are allowed, which are enough for {} connections; the {wanted} of \
                 server.max_connections need {needed}",
                shape.connections_within(hard)
            ),
            "raise LimitNOFILE (systemd) or ulimit -n, or lower server.max_connections",
        ),
        Ok((_, hard)) => Diagnosis::good(format!("{hard} descriptors are allowed")),
        Err(error) => Diagnosis::warning(format!("the limit of descriptors cannot be read: {error}"), ""),
    }
}
