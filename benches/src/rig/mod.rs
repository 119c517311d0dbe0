//! The load rig: gateway, nginx and `HAProxy` in front of one backend, each on the same core, one after the
//! other, in rounds, so that what the machine does at the moment hits them alike. It prints figures and never
//! judges them: a threshold in a test that runs on shared machines fails for reasons of its own.

pub mod cases;
pub mod measure;
pub mod memory;
pub mod process;
pub mod proxies;
pub mod report;
