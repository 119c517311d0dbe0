//! `version`: what this binary is made of and what the machine gives it.

use std::sync::Arc;
use std::time::Instant;

use aegis_detect::{Scanner, Selection};
use clap::Args;

use super::outcome::{CliFailure, CliOutcome, failure, print};
use crate::os;
use crate::rule_cache::{RuleCache, RulesOrigin};
use crate::shard;

#[derive(Debug, Args)]
pub(super) struct VersionCommand {}

impl VersionCommand {
    #[expect(clippy::unused_self, reason = "every command has the same shape")]
    pub(super) fn execute(&self, begun: Instant) -> Result<CliOutcome, CliFailure> {
        let damaged = |error| failure(error, "this binary is damaged");
        let (rules, origin) = RuleCache::of_user().load(&Selection::default()).map_err(damaged)?;
        Scanner::new(Arc::clone(&rules)).map_err(damaged)?;
        let ready = begun.elapsed();
        let how = match origin {
            RulesOrigin::Cache => "compiled before",
            RulesOrigin::Compiled => "compiled now",
        };
        let lines = [
            format!("aegis-gateway {}", env!("CARGO_PKG_VERSION")),
            format!("engine        {}", aegis_detect::engine_version()),
            format!("rules         {} built in, {} KiB compiled", rules.len(), rules.database_size() / 1024),
            format!("ready         after {:.1} ms, {how}", ready.as_secs_f64() * 1e3),
            format!("driver        {}", shard::driver::report()),
            format!("cpus          {} usable", os::cpus().len()),
            format!("target        {} {}", std::env::consts::ARCH, std::env::consts::OS),
        ];
        print(&(lines.join("\n") + "\n"))?;
        Ok(CliOutcome::Success)
    }
}
