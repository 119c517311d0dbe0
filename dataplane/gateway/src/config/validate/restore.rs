//! Checks of `[restore]`: names of hosts and tools, and what it means to leave addresses unguarded.

use aegis_settings::Problem;

use super::hosts;
use crate::config::settings::Settings;

pub(super) fn check(settings: &Settings, problems: &mut Vec<Problem>) {
    let restore = &settings.restore;
    hosts::check("restore.hosts", &restore.hosts, problems);
    for (key, tools) in [("restore.tools", &restore.tools), ("restore.except_tools", &restore.except_tools)] {
        for (i, tool) in tools.iter().enumerate() {
            let is_name = !tool.is_empty() && !tool.contains(|c: char| c.is_control() || c.is_whitespace());
            if !is_name {
                let what = format!("item {} names no tool", i + 1);
                let help = "write names like \"bash\", or \"mcp__files__*\" for all that begin so";
                problems.push(Problem::error(key, what, help));
            }
        }
    }
    if !restore.guard_addresses {
        let what = "text that somebody slips into a document can make a client send values to any host";
        problems.push(Problem::warning(
            "restore.guard_addresses",
            what,
            "name the hosts in restore.hosts instead",
        ));
    }
}
