//! Chooses what drives the shards: `io_uring` where it works, epoll where not.

use super::net::has_io_uring;
use crate::config::settings::Driver;
use crate::os::kernel;

/// Chooses the driver for a setting.
///
/// # Errors
///
/// When `io_uring` is asked for and does not work: why, and what to do about it, in words for people.
pub fn choose(wanted: Driver) -> Result<Driver, String> {
    match (wanted, has_io_uring()) {
        (Driver::Epoll, _) | (Driver::Auto, false) => Ok(Driver::Epoll),
        (Driver::Auto | Driver::IoUring, true) => Ok(Driver::IoUring),
        (Driver::IoUring, false) => Err(format!(
            "io_uring was asked for and cannot be used: {}\n  help: use driver \"auto\" or \"epoll\", or allow the \
             io_uring system calls",
            why_no_io_uring()
        )),
    }
}

/// Describes the driver in one line, for `version` and the log.
pub fn report() -> String {
    if has_io_uring() {
        "io_uring available".to_owned()
    } else {
        format!("epoll; no io_uring: {}", why_no_io_uring())
    }
}

/// The likeliest reason why `io_uring` does not work.
fn why_no_io_uring() -> &'static str {
    let disabled = std::fs::read_to_string("/proc/sys/kernel/io_uring_disabled").unwrap_or_default();
    match disabled.trim() {
        "1" | "2" => "the sysctl kernel.io_uring_disabled forbids it",
        _ if kernel().is_some_and(|release| release < (5, 6)) => "the kernel is older than 5.6",
        _ => "a sandbox (the seccomp profile of the container runtime) or the locked-memory limit forbids it",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forced_driver_is_taken_or_refused_with_a_reason() {
        assert_eq!(choose(Driver::Epoll), Ok(Driver::Epoll));
        match choose(Driver::IoUring) {
            Ok(driver) => assert_eq!(driver, Driver::IoUring),
            Err(reason) => assert!(reason.contains("help: use driver")),
        }
        assert!(choose(Driver::Auto).is_ok());
    }
}
