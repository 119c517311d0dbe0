//! The hard cases, end to end: a raw client, the real gateway, a provider that cuts where the case says.
//!
//! The oracle is the same for all: the client's text equals the original, the provider's record holds no run of
//! a secret in any form, and bytes outside tokens are identical. The crates' own tests prove the same at every cut
//! of their inputs; here the whole program stands between two sockets.

mod harness;

mod case_01_every_cut;
mod case_02_tool_arguments;
mod case_03_endings;
mod case_04_signatures;
mod case_05_determinism;
mod case_06_responses_api;
mod case_07_encodings;
mod case_08_ambiguity;
mod case_09_hiding_places;
mod case_10_adversary;
mod case_10_injected_addresses;
mod case_12_everywhere;
mod case_13_lines;
mod case_16_symmetry;
mod case_21_personal_data;
mod case_22_provider_histories;
