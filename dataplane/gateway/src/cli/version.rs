//! `version`: what this binary is made of and what the machine gives it.

use clap::Args;

use super::{Failure, Outcome, failure};
use crate::os;

#[derive(Debug, Args)]
pub(super) struct Version {}

impl Version {
    #[allow(clippy::unused_self)] // every command has the same shape
    pub(super) fn execute(&self) -> Result<Outcome, Failure> {
        let rules =
            aegis_detect::Rules::builtin().map_err(|error| failure(error, "this binary is damaged"))?;
        println!("aegis-gateway {}", env!("CARGO_PKG_VERSION"));
        println!("engine        {}", aegis_detect::engine_version());
        println!("rules         {} built in, {} KiB compiled", rules.len(), rules.database_size() / 1024);
        println!("driver        {}", os::driver_report());
        println!("cpus          {} usable", os::cpus().len());
        println!("target        {} {}", std::env::consts::ARCH, std::env::consts::OS);
        Ok(Outcome::Success)
    }
}
