//! Which tokens of replies become values again, from the settings.

use std::sync::Arc;

use aegis_settings::schema::words;
use aegis_shield::reply::{HostNames, RestorePolicy, ToolNames};

use crate::config::settings::Restore;

/// Builds the policy. What is wrong with a name was said by the checks.
pub(super) fn restore_policy(wanted: &Restore) -> Arc<RestorePolicy> {
    let hosts = HostNames::of(wanted.hosts.iter().map(String::as_str));
    Arc::new(RestorePolicy {
        lanes: words(&wanted.lanes),
        tools: ToolNames::new(wanted.tools.iter().map(String::as_str)),
        except_tools: ToolNames::new(wanted.except_tools.iter().map(String::as_str)),
        hosts: Arc::new(hosts),
        guard_addresses: wanted.guard_addresses,
        unnamed_hosts: wanted.unnamed_hosts.0,
    })
}
