//! The hard cases, end to end: a raw client, the real gateway, a provider that cuts where the case says.
//!
//! The oracle is the same for all: the client's text equals the original, the provider's record holds no run of
//! a secret in any form, and bytes outside tokens are identical. The crates' own tests prove the same at every cut
//! of their inputs; here the whole program stands between two sockets.
//!
//! Cases by number, and the files that test them. Names without a folder are of this one; `reply` is
//! `dataplane/shield/tests/reply`, `shard` is `dataplane/gateway/src/shard/tests`, `tests` is this folder's parent.
//!
//! | case | what | files |
//! |---|---|---|
//! | 1 | every cut of the stream | `case_01_every_cut` |
//! | 2 | tool arguments | `case_02_tool_arguments` |
//! | 3 | endings | `case_03_endings` |
//! | 4 | signatures | `case_04_signatures` |
//! | 5 | determinism, and the prefix that a provider caches | `case_05_determinism` |
//! | 6 | Responses API | `case_06_responses_api` |
//! | 7 | encodings | `case_07_encodings` |
//! | 8 | ambiguity | `case_08_ambiguity` |
//! | 9 | where secrets hide, and where they do not | `case_09_hiding_places` |
//! | 10 | adversary and concurrency | `case_10_adversary`, `case_10_injected_addresses`, `tests/load`, `tests/own_keys` |
//! | 11 | restart, replica and rotation | `case_05_determinism`, `case_12_everywhere`; under load `tests/restart` |
//! | 12 | hidden once, hidden everywhere | `case_12_everywhere`, `case_12_conversations`; on random conversations `dataplane/shield/tests/everywhere` |
//! | 13 | lines of long values | `case_13_lines`; `dataplane/shield/tests/keys` |
//! | 14 | bodies that meet a buffer's border | `shard/buffer_boundaries` |
//! | 15 | links in replies | `shard/edge`, `reply/links`, `tests/sdks` |
//! | 16 | symmetry | `case_16_symmetry` |
//! | 17 | offsets of citations | `reply/citations` |
//! | 18 | order of events | `reply/order` |
//! | 19 | nothing is acted on twice | `shard/retries` |
//! | 20 | growth of replies | `reply/growth`, `shard/slow_readers`, `tests/load` |
//! | 21 | personal data | `case_21_personal_data` |
//! | 22 | histories that lie with the provider | `case_22_provider_histories` |

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
mod case_12_conversations;
mod case_12_everywhere;
mod case_13_lines;
mod case_16_symmetry;
mod case_21_personal_data;
mod case_22_provider_histories;
