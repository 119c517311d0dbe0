//! Takes from several sequences in turn, as a provider streams parallel tool calls.

/// Merges the sequences round robin: the first items of all, then the second ones, and so on.
pub fn interleave<T>(sequences: Vec<Vec<T>>) -> Vec<T> {
    let mut sequences: Vec<_> = sequences.into_iter().map(Vec::into_iter).collect();
    let mut out = Vec::new();
    loop {
        let before = out.len();
        out.extend(sequences.iter_mut().filter_map(Iterator::next));
        if out.len() == before {
            return out;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_take_turns() {
        assert_eq!(interleave(vec![vec![1, 2, 3], vec![4], vec![5, 6]]), [1, 4, 5, 2, 6, 3]);
    }
}
