//! Lines and columns of a text's bytes, looked up without counting from the text's beginning each time.

/// Bytes between two places that are noted.
const STRIDE: usize = 256;

/// What to count on from: a byte where a character begins, its line and its column, both from 1.
#[derive(Debug, Clone, Copy)]
struct Milestone {
    at: usize,
    line: usize,
    column: usize,
}

/// The places of one text.
#[derive(Debug, Clone)]
pub(crate) struct PlaceIndex(Vec<Milestone>);

impl PlaceIndex {
    /// The places of `text`.
    pub(crate) fn of(text: &str) -> PlaceIndex {
        let mut here = Milestone { at: 0, line: 1, column: 1 };
        let mut milestones = vec![here];
        let mut next = STRIDE;
        for character in text.chars() {
            if here.at >= next {
                milestones.push(here);
                next = here.at + STRIDE;
            }
            here.pass(character);
        }
        PlaceIndex(milestones)
    }

    /// Line and column of the byte `offset` of `text`, which is the text that this is the index of; columns are counted in
    /// characters.
    pub(crate) fn find(&self, text: &str, offset: usize) -> (usize, usize) {
        let next = self.0.partition_point(|milestone| milestone.at <= offset);
        let Some(mut here) = next.checked_sub(1).and_then(|last| self.0.get(last)).copied() else {
            return (1, 1);
        };
        for character in text[here.at..].chars() {
            if here.at + character.len_utf8() > offset {
                break;
            }
            here.pass(character);
        }
        (here.line, here.column)
    }
}

impl Milestone {
    /// Goes behind a character.
    fn pass(&mut self, character: char) {
        self.at += character.len_utf8();
        if character == '\n' {
            self.line += 1;
            self.column = 1;
        } else {
            self.column += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_the_place_that_counting_gives() {
        let text = format!("é\n{}\n\nä{}\nend", "x".repeat(3 * STRIDE), "ö".repeat(STRIDE));
        let places = PlaceIndex::of(&text);
        for offset in 0..=text.len() + 1 {
            let whole = (0..=offset.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap();
            let before = &text[..whole];
            let column = before.rsplit('\n').next().unwrap().chars().count() + 1;
            let expected = (before.matches('\n').count() + 1, column);
            assert_eq!(places.find(&text, offset), expected, "{offset}");
        }
    }
}
