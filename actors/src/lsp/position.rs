//! Places as editors count them: lines and UTF-16 code units, both from 0.

use ls_types::{Position, Range};

/// Where the lines of a text begin.
pub struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub fn of(text: &'a str) -> Self {
        // The protocol ends a line at each of "\n", "\r\n" and "\r".
        let bytes = text.as_bytes();
        let breaks = bytes.iter().enumerate().filter(|(at, byte)| match byte {
            b'\n' => true,
            b'\r' => bytes.get(at + 1) != Some(&b'\n'),
            _ => false,
        });
        let starts = std::iter::once(0).chain(breaks.map(|(at, _)| at + 1)).collect();
        Self { text, starts }
    }

    /// The byte of a position; what lies behind the end of its line, or of the text, is that end.
    pub fn offset(&self, position: Position) -> usize {
        let line = position.line as usize;
        let Some(start) = self.starts.get(line).copied() else { return self.text.len() };
        let end = self.starts.get(line + 1).copied().unwrap_or(self.text.len());
        let content = self.text[start..end].trim_end_matches(['\r', '\n']);
        let mut units = 0;
        for (at, c) in content.char_indices() {
            // Within a character is before it.
            if units + c.len_utf16() > position.character as usize {
                return start + at;
            }
            units += c.len_utf16();
        }
        start + content.len()
    }

    /// The position of a byte.
    pub fn position(&self, offset: usize) -> Position {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let line = self.starts.partition_point(|start| *start <= offset).saturating_sub(1);
        let units: usize = self.text[self.starts[line]..offset].chars().map(char::len_utf16).sum();
        Position { line: number(line), character: number(units) }
    }

    /// The range of a stretch of bytes.
    pub fn range(&self, start: usize, end: usize) -> Range {
        Range { start: self.position(start), end: self.position(end.max(start)) }
    }
}

fn number(of: usize) -> u32 {
    u32::try_from(of).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn characters_count_as_utf_16() {
        let lines = Lines::of("a\näö𝄞x\r\n");
        let at = |line, character| lines.offset(Position { line, character });
        assert_eq!((at(0, 0), at(0, 1), at(0, 9)), (0, 1, 1));
        assert_eq!((at(1, 2), at(1, 3), at(1, 4), at(1, 5)), (6, 6, 10, 11));
        assert_eq!((at(1, 99), at(2, 0), at(7, 0)), (11, 13, 13));
        assert_eq!(lines.position(10), Position { line: 1, character: 4 });
    }

    proptest! {
        #[test]
        fn every_position_is_a_place(text in "[a𝄞ä\r\n]{0,20}", line in 0u32..30, character in 0u32..30) {
            let lines = Lines::of(&text);
            let offset = lines.offset(Position { line, character });
            prop_assert!(text.is_char_boundary(offset));
            prop_assert_eq!(lines.offset(lines.position(offset)), offset);
        }
    }
}
