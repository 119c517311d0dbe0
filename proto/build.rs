//! Makes the types and services of `aegis/v1/*.proto`, without a protoc on the machine.

use std::error::Error;
use std::path::PathBuf;

use prost::Message as _;

/// The files of the contract.
const FILES: [&str; 7] = ["common", "enrolment", "audit", "policy", "keys", "sync", "health"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=aegis");
    let files = FILES.map(|name| format!("aegis/v1/{name}.proto"));
    let descriptors = protox::compile(files, ["."])?;
    let described = PathBuf::from(std::env::var("OUT_DIR")?).join("aegis.v1.bin");
    std::fs::write(described, descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        // What a digest or a signature covers must come out the same every time.
        .btree_map(".")
        .compile_fds(descriptors)?;
    Ok(())
}
