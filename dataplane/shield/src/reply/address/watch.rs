//! The addresses of one text at every depth of JSON that it may be read at.
//!
//! An answer that looks like JSON may be shown as it is, or parsed and its strings rendered. What ends an address in one
//! of these readings is part of it in another, so each has a reader of its own.

use std::ops::RangeInclusive;
use std::sync::Arc;

use crate::json::MAX_LAYERS;
use crate::reply::address::hosts::HostNames;
use crate::reply::address::reader::AddressReader;

/// What the addresses of a text are watched for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum WatchPurpose {
    /// Tokens in addresses that lead elsewhere stay.
    Guard,
    /// Tokens beside such addresses are counted.
    Count,
    /// Tokens in such addresses, or behind them, stay.
    Withhold,
}

/// See the module's documentation.
pub(crate) struct AddressWatch {
    /// By the number of strings around the text that it reads.
    readers: [AddressReader; MAX_LAYERS + 1],
    hosts: Arc<HostNames>,
    purpose: WatchPurpose,
    /// An address in a string that has ended led elsewhere.
    has_led_elsewhere: bool,
    /// Tokens that were replaced while no address led elsewhere.
    restored: u64,
}

impl AddressWatch {
    pub(crate) fn new(purpose: WatchPurpose, hosts: Arc<HostNames>) -> Self {
        Self { readers: Default::default(), hosts, purpose, has_led_elsewhere: false, restored: 0 }
    }

    pub(crate) fn purpose(&self) -> WatchPurpose {
        self.purpose
    }

    /// Follows a text that reads the same at all these depths.
    pub(crate) fn run(&mut self, depths: RangeInclusive<usize>, text: &[u8]) {
        let hosts = &self.hosts;
        self.readers.get_mut(depths).into_iter().flatten().for_each(|reader| reader.run(text, hosts));
    }

    /// Follows one byte at one depth.
    pub(crate) fn byte(&mut self, depth: usize, byte: u8) {
        if let Some(reader) = self.readers.get_mut(depth) {
            reader.run(&[byte], &self.hosts);
        }
    }

    /// A string at this depth has ended, and another may begin.
    pub(crate) fn end(&mut self, depth: usize) {
        if let Some(reader) = self.readers.get_mut(depth) {
            self.has_led_elsewhere |= reader.end(&self.hosts);
            reader.reset();
        }
    }

    /// What a tool gets has ended. (A text for people may go on in the next block.)
    pub(crate) fn end_input(&mut self) {
        if self.purpose != WatchPurpose::Guard {
            (0..self.readers.len()).for_each(|depth| self.end(depth));
        }
    }

    /// Whether this place is in an address that leads elsewhere, at any of these depths. `first` is the first byte that
    /// would stand here.
    pub(crate) fn leads_elsewhere(&self, depths: RangeInclusive<usize>, first: u8) -> bool {
        self.readers.get(depths).into_iter().flatten().any(|reader| reader.leads_elsewhere(first))
    }

    /// Whether any address of the text did, as far as it has been read.
    pub(crate) fn has_led_elsewhere(&self) -> bool {
        self.has_led_elsewhere || self.readers.iter().any(AddressReader::has_led_elsewhere)
    }

    /// Notes one more replaced token.
    pub(crate) fn add_restored(&mut self) {
        self.restored += 1;
    }

    /// Returns how many of the tokens noted stand beside an address that leads elsewhere, each once.
    pub(crate) fn take_beside(&mut self) -> u64 {
        let counts = self.purpose != WatchPurpose::Guard && self.restored > 0;
        if counts && self.has_led_elsewhere() { std::mem::take(&mut self.restored) } else { 0 }
    }
}
