//! Which tokens of a reply become values again.

use aegis_settings::{Word, section};
use aegis_shield::reply::{Lane, UnnamedHosts};

section! {
    /// `[restore]`
    Restore {
        /// Kinds of text in replies whose tokens become values again: what the user reads, reasoning that no signature
        /// seals, refusals, what tools get, and any other string. Where one is missing, tokens stay and are counted.
        lanes: Vec<Word<Lane>> = Lane::ALL.map(Word).to_vec();
        /// Names of the tools that get values; * stands for any characters. With anything but ["*"], a call without a
        /// name gets none.
        tools: Vec<String> = vec!["*".to_owned()];
        /// Of these, names of the tools that get none.
        except_tools: Vec<String>;
        /// Hosts that may get values in addresses: names like "files.example.com", or "*.example.com" for all below
        /// one.
        hosts: Vec<String>;
        /// Tokens in addresses that lead to any other host stay, in all texts but those that tools get: clients fetch
        /// pictures and show previews of links before anybody reads them.
        guard_addresses: bool = true;
        /// What becomes of tokens in what a tool gets, beside an address that leads to any other host: they become values
        /// and are counted, or those in it and behind it stay.
        unnamed_hosts: Word<UnnamedHosts>;
    }
}
