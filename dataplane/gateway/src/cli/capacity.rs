//! How many clients the limit of open files has room for: what `run` keeps to, and `check` foretells.

use crate::config::settings::Settings;
use crate::descriptors::ProcessShape;
use crate::os;

/// What a process with `settings` needs descriptors for, on this machine.
pub(super) fn shape(settings: &Settings) -> ProcessShape {
    let shards = if settings.server.shards == 0 { os::cpus().len() } else { settings.server.shards };
    ProcessShape { shards, addresses: settings.server.listen.len() }
}

/// The client connections that a limit of `descriptors` has room for.
///
/// # Errors
///
/// When it does not reach for one on each shard: what is wrong, and what to do.
pub(super) fn connections(shape: ProcessShape, descriptors: u64) -> Result<usize, (String, String)> {
    let (shards, connections) = (shape.shards, shape.connections_within(descriptors));
    if connections < shards as u64 {
        let least = shape.needed_for(shards as u64);
        return Err((
            format!(
                "{descriptors} open files are allowed, too few for one client on each of {shards} shards"
            ),
            format!("allow {least} or more with LimitNOFILE (systemd) or ulimit -n, or lower server.shards"),
        ));
    }
    Ok(usize::try_from(connections).unwrap_or(usize::MAX))
}
