//! Which pieces of text may be of known values: tables that are asked for one piece in every few bytes.
//!
//! A question is answered by a few instructions without a branch; of a batch of answers one branch is made. So a table may
//! be wrong now and then, and what it lets through is looked up again.

use super::anchor::PIECE;
use super::hash::{PRINT_BITS, print};

/// Pieces that are tested before a branch is taken.
const BATCH: usize = 8;

/// Up to so many values a table of [`Marks`] is used, beyond it a [`Bitmap`].
pub(super) const MARKED: usize = 128;

/// Up to so many the smallest bitmap, and up to so many the next.
pub(super) const SMALL: usize = 600;
pub(super) const MEDIUM: usize = 2_500;

/// A piece that may be of a known value: where it begins, and its hash.
pub(crate) type Met = (usize, u32);

/// The set of hashes of all pieces, in one of several sizes. A size is large enough if nearly every batch of pieces that are
/// of no known value is rejected, and no larger, because a small table stays in the processor's cache: the smallest leaves
/// room for the text in the first level.
pub(super) enum PieceFilter {
    Fewest(Marks<{ 1 << 13 }>),
    Fewer(Marks<{ 1 << 15 }>),
    Few(Marks<{ 1 << 16 }>),
    Small(Bitmap<{ 1 << 11 }>),
    Medium(Bitmap<{ 1 << 13 }>),
    Large(Bitmap<{ 1 << 15 }>),
    Larger(Bitmap<{ 1 << 17 }>),
    Huge(Bitmap<{ 1 << 19 }>),
}

/// Runs an expression for the table of a filter, whatever its size.
macro_rules! for_table {
    ($filter:expr, $table:ident => $run:expr) => {
        match $filter {
            PieceFilter::Fewest($table) => $run,
            PieceFilter::Fewer($table) => $run,
            PieceFilter::Few($table) => $run,
            PieceFilter::Small($table) => $run,
            PieceFilter::Medium($table) => $run,
            PieceFilter::Large($table) => $run,
            PieceFilter::Larger($table) => $run,
            PieceFilter::Huge($table) => $run,
        }
    };
}

impl PieceFilter {
    /// A table for the pieces of so many values.
    pub(super) fn new(values: usize) -> PieceFilter {
        if values <= 16 {
            PieceFilter::Fewest(Marks::empty())
        } else if values <= 64 {
            PieceFilter::Fewer(Marks::empty())
        } else if values <= MARKED {
            PieceFilter::Few(Marks::empty())
        } else if values <= SMALL {
            PieceFilter::Small(Bitmap::empty())
        } else if values <= MEDIUM {
            PieceFilter::Medium(Bitmap::empty())
        } else if values <= 10_000 {
            PieceFilter::Large(Bitmap::empty())
        } else if values <= 40_000 {
            PieceFilter::Larger(Bitmap::empty())
        } else {
            PieceFilter::Huge(Bitmap::empty())
        }
    }

    /// Adds a piece by its hash.
    pub(super) fn set(&mut self, print: u32) {
        for_table!(self, table => table.set(print));
    }

    /// Whether a piece with this hash may have been added.
    #[inline]
    pub(super) fn has(&self, print: u32) -> bool {
        for_table!(self, table => table.test(print) != 0)
    }

    /// Reports the pieces that may have been added, of those that begin at every `STEP`th byte.
    pub(super) fn probe<const STEP: usize>(&self, text: &[u8], multiplier: u32, met: &mut Vec<Met>) {
        for_table!(self, table => probe::<STEP, _>(table, text, multiplier, met));
    }
}

/// A set of hashes that may hold others.
trait Table {
    /// One if the hash may have been added, else zero.
    fn test(&self, print: u32) -> u32;
}

#[expect(clippy::unnecessary_box_returns, reason = "too large for a stack")]
fn filled<T: Copy, const COUNT: usize>(value: T) -> Box<[T; COUNT]> {
    vec![value; COUNT].into_boxed_slice().try_into().unwrap_or_else(|_| Box::new([value; COUNT]))
}

/// A byte for each piece: the fewest instructions, for as few pieces as leave most bytes clear.
pub(super) struct Marks<const SLOTS: usize>(Box<[u8; SLOTS]>);

impl<const SLOTS: usize> Marks<SLOTS> {
    fn empty() -> Self {
        Self(filled(0))
    }

    #[inline]
    fn slot(print: u32) -> usize {
        (print >> (PRINT_BITS - SLOTS.trailing_zeros())) as usize
    }

    fn set(&mut self, print: u32) {
        self.0[Self::slot(print)] = 1;
    }
}

impl<const SLOTS: usize> Table for Marks<SLOTS> {
    #[inline]
    fn test(&self, print: u32) -> u32 {
        u32::from(self.0[Self::slot(print)])
    }
}

/// Three bits of one word for each piece, cleared when it is added.
pub(super) struct Bitmap<const WORDS: usize>(Box<[u32; WORDS]>);

/// Which three bits they are, by the lowest byte of the hash.
static MASKS: [u32; 256] = masks();

const fn masks() -> [u32; 256] {
    let mut masks = [0u32; 256];
    let mut state = 0x9e37_79b9_u32;
    let mut index = 0;
    while index < masks.len() {
        while masks[index].count_ones() < 3 {
            state = state.wrapping_mul(0x0019_660d).wrapping_add(0x3c6e_f35f);
            masks[index] |= 1 << (state >> 27);
        }
        index += 1;
    }
    masks
}

impl<const WORDS: usize> Bitmap<WORDS> {
    fn empty() -> Self {
        Self(filled(u32::MAX))
    }

    /// The word of a hash, and its bits in it.
    #[inline]
    fn place(print: u32) -> (usize, u32) {
        let word = (print >> (PRINT_BITS - WORDS.trailing_zeros())) as usize;
        (word, MASKS[usize::from(print.to_le_bytes()[0])])
    }

    fn set(&mut self, print: u32) {
        let (word, mask) = Self::place(print);
        self.0[word] &= !mask;
    }
}

impl<const WORDS: usize> Table for Bitmap<WORDS> {
    #[inline]
    fn test(&self, print: u32) -> u32 {
        let (word, mask) = Self::place(print);
        u32::from(self.0[word] & mask == 0)
    }
}

/// The hash of the n-th piece of a batch.
#[inline]
fn nth<const STEP: usize>(batch: &[u8], n: usize, multiplier: u32) -> u32 {
    let at = n * STEP;
    print([batch[at], batch[at + 1], batch[at + 2], batch[at + 3]], multiplier)
}

fn probe<const STEP: usize, T: Table>(table: &T, text: &[u8], multiplier: u32, met: &mut Vec<Met>) {
    let batches = text.chunks_exact(BATCH * STEP);
    let rest = batches.remainder();
    for (index, batch) in batches.enumerate() {
        let mut answers = 0;
        for n in 0..BATCH {
            answers = answers + answers + table.test(nth::<STEP>(batch, n, multiplier));
        }
        if answers != 0 {
            report::<STEP>((batch, index * BATCH * STEP), answers, multiplier, met);
        }
    }
    let tail = text.len() - rest.len();
    for at in (0..rest.len().saturating_sub(PIECE - 1)).step_by(STEP) {
        let hash = print(std::array::from_fn(|i| rest[at + i]), multiplier);
        if table.test(hash) != 0 {
            met.push((tail + at, hash));
        }
    }
}

/// Reports the pieces of a batch that begins at `at`, by the answers, the last of them in the lowest bit. Apart, so that the
/// loop over batches keeps nothing for it.
#[cold]
#[inline(never)]
fn report<const STEP: usize>(
    (batch, at): (&[u8], usize),
    mut answers: u32,
    multiplier: u32,
    met: &mut Vec<Met>,
) {
    while answers != 0 {
        let n = answers.leading_zeros() as usize + BATCH - u32::BITS as usize;
        answers &= !(1 << (BATCH - 1 - n));
        met.push((at + n * STEP, nth::<STEP>(batch, n, multiplier)));
    }
}
