//! The stack of codings of one body, with its limits.

use super::kind::{Coding, CodingError, MAX_CODINGS};
use super::stage::CodingStage;

/// Bytes between two stacked codings.
const BETWEEN: usize = 16 * 1024;

/// How far a body may grow. Both limits hold for every one of stacked codings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecoderLimits {
    /// The most bytes that a coding may give.
    pub output: u64,
    /// The most bytes out for each byte of the body, once there are more than [`ratio_floor`](Self::ratio_floor).
    pub ratio: u64,
    /// So many bytes are given whatever the ratio: small bodies of repetitions are not bombs.
    pub ratio_floor: u64,
}

impl Default for DecoderLimits {
    /// 64 MiB, 200 to 1 above 1 MiB.
    fn default() -> Self {
        Self { output: 64 << 20, ratio: 200, ratio_floor: 1 << 20 }
    }
}

/// What one call did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecoderProgress {
    /// Bytes of the input that were used; the rest must be given again.
    pub consumed: usize,
    /// All that can be decoded from the input so far has been given out. If not, call again with the rest of the input,
    /// also when that is empty.
    pub done: bool,
}

/// The most bytes that one call appends, whatever room there is: the room is cleared before it is filled, and clearing
/// what stays empty costs time.
pub const MAX_STEP: usize = 32 * 1024;

/// What one run of one stage did.
#[derive(Clone, Copy, Default)]
struct DecodeStep {
    consumed: usize,
    produced: usize,
}

impl DecodeStep {
    fn is_progress(self) -> bool {
        self.consumed > 0 || self.produced > 0
    }
}

/// One coding and what it has given that the next has not used.
struct CodingLayer {
    stage: CodingStage,
    produced: u64,
    /// The last run used up its room, so there may be more without further input.
    filled: bool,
    waiting: Vec<u8>,
    taken: usize,
}

/// Takes the codings off one body, piece by piece.
pub struct Decoder {
    /// In the order they are taken off.
    links: Vec<CodingLayer>,
    limits: DecoderLimits,
    consumed: u64,
}

impl Decoder {
    /// A decoder for a body with these codings, in the order they were applied. Without any it copies.
    pub fn new(codings: &[Coding], limits: DecoderLimits) -> Result<Self, CodingError> {
        if codings.len() > MAX_CODINGS {
            return Err(CodingError::TooMany);
        }
        let link = |&coding: &Coding| CodingLayer {
            stage: CodingStage::new(coding),
            produced: 0,
            filled: false,
            waiting: Vec::new(),
            taken: 0,
        };
        Ok(Self { links: codings.iter().rev().map(link).collect(), limits, consumed: 0 })
    }

    /// Decodes some of `input` and appends at most `room` bytes (at least 1, at most [`MAX_STEP`]) to `out`.
    ///
    /// After an error nothing was appended by this call, and the body must be given up.
    pub fn decode(
        &mut self,
        input: &[u8],
        out: &mut Vec<u8>,
        room: usize,
    ) -> Result<DecoderProgress, CodingError> {
        let start = out.len();
        let room = room.clamp(1, MAX_STEP);
        let outcome = if self.links.is_empty() {
            self.copy(input, out, room)
        } else {
            out.resize(start + room, 0);
            self.run(input, &mut out[start..]).map(|(progress, produced)| {
                out.truncate(start + produced);
                progress
            })
        };
        if outcome.is_err() {
            out.truncate(start);
        }
        outcome
    }

    /// The body has ended: an error unless its codings have ended with it. A body of no bytes at all is taken for an
    /// empty one.
    pub fn finish(&self) -> Result<(), CodingError> {
        if self.consumed == 0 {
            return Ok(());
        }
        match self.links.iter().find(|link| !link.stage.may_end() || link.taken < link.waiting.len()) {
            Some(link) => Err(CodingError::Truncated(link.stage.coding())),
            None => Ok(()),
        }
    }

    /// Bytes that were decoded so far.
    pub fn produced(&self) -> u64 {
        self.links.last().map_or(self.consumed, |link| link.produced)
    }

    fn copy(&mut self, input: &[u8], out: &mut Vec<u8>, room: usize) -> Result<DecoderProgress, CodingError> {
        let len = input.len().min(room);
        self.consumed += len as u64;
        if self.consumed > self.limits.output {
            return Err(CodingError::Output);
        }
        out.extend_from_slice(&input[..len]);
        Ok(DecoderProgress { consumed: len, done: len == input.len() })
    }

    /// Lets every stage work until none gets any further; says how much of `output` was filled.
    fn run(&mut self, input: &[u8], output: &mut [u8]) -> Result<(DecoderProgress, usize), CodingError> {
        let (mut consumed, mut produced) = (0, 0);
        let last = self.links.len() - 1;
        loop {
            let mut progress = false;
            for index in 0..=last {
                let (before, rest) = self.links.split_at_mut(index);
                let Some(link) = rest.first_mut() else { break };
                let source = match before.last() {
                    None => &input[consumed..],
                    Some(previous) => &previous.waiting[previous.taken..],
                };
                let step = if index == last {
                    link.step(source, &mut output[produced..], self.limits)
                } else {
                    link.step_between(source, self.limits)
                }?;
                match before.last_mut() {
                    None => {
                        consumed += step.consumed;
                        self.consumed += step.consumed as u64;
                    }
                    Some(previous) => previous.taken += step.consumed,
                }
                if index == last {
                    produced += step.produced;
                }
                progress |= step.is_progress();
                self.check_ratio(index)?;
            }
            if !progress {
                let room_left = produced < output.len();
                if room_left && consumed < input.len() {
                    // Nothing stands in the way and yet nothing happens: the caller must not be kept asking.
                    return Err(CodingError::Malformed(self.links[0].stage.coding()));
                }
                return Ok((DecoderProgress { consumed, done: room_left }, produced));
            }
        }
    }

    fn check_ratio(&self, index: usize) -> Result<(), CodingError> {
        let produced = self.links[index].produced;
        let allowed = self.consumed.saturating_mul(self.limits.ratio).max(self.limits.ratio_floor);
        if produced > allowed { Err(CodingError::Ratio) } else { Ok(()) }
    }
}

impl CodingLayer {
    /// Runs the stage once, if it can get any further.
    fn step(
        &mut self,
        input: &[u8],
        output: &mut [u8],
        limits: DecoderLimits,
    ) -> Result<DecodeStep, CodingError> {
        if output.is_empty() || (input.is_empty() && !self.filled) {
            return Ok(DecodeStep::default());
        }
        // One byte more than allowed, so that a body of exactly the limit is distinguished from a longer one.
        let allowed = (limits.output - self.produced).saturating_add(1);
        let room = output.len().min(usize::try_from(allowed).unwrap_or(usize::MAX));
        let ran = self.stage.run(input, &mut output[..room])?;
        self.filled = ran.produced == room;
        self.produced += ran.produced as u64;
        if self.produced > limits.output {
            return Err(CodingError::Output);
        }
        Ok(DecodeStep { consumed: ran.consumed, produced: ran.produced })
    }

    /// Runs the stage once into the bytes that wait for the next stage, if there is room.
    fn step_between(&mut self, input: &[u8], limits: DecoderLimits) -> Result<DecodeStep, CodingError> {
        if self.taken == self.waiting.len() {
            self.waiting.clear();
            self.taken = 0;
        }
        let mut waiting = std::mem::take(&mut self.waiting);
        let start = waiting.len();
        waiting.resize(BETWEEN, 0);
        let outcome = self.step(input, &mut waiting[start..], limits);
        waiting.truncate(start + outcome.as_ref().map_or(0, |step| step.produced));
        self.waiting = waiting;
        outcome
    }
}
