//! The binary `aegis-gateway`; everything it does is in the library beside it.

#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    aegis_gateway::cli::main()
}
