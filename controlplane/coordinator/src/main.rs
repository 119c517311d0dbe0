//! The binary `aegis-coordinator`; everything it does is in the library beside it.

#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    aegis_coordinator::cli::main()
}
