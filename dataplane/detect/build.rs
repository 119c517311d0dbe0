//! Finds the Hyperscan-compatible library of this system and passes it to the linker.
//!
//! `libhs` is provided by libhyperscan on x86-64 and by libvectorscan elsewhere; both answer to the same
//! pkg-config name and the same C interface.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if let Err(error) = pkg_config::Config::new().atleast_version("5.2").probe("libhs") {
        println!(
            "cargo::error=libhs was not found ({error}); install libhyperscan-dev on x86-64 or libvectorscan-dev elsewhere"
        );
        std::process::exit(1);
    }
}
