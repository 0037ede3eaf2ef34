//! Byte ranges (RFC 9110 section 14): which part of a body a request asks for.

/// What to answer a GET with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The whole body, status 200.
    Whole,
    /// From `first` to `last`, both included, status 206.
    Slice {
        /// The first byte.
        first: u64,
        /// The last byte.
        last: u64,
    },
    /// Nothing of what was asked for exists: status 416.
    Unsatisfiable,
}

/// Reads a `Range` header for a body of `length` bytes.
///
/// What is not a well-formed single byte range is ignored, as section 14.2 allows: several
/// ranges in one request (nobody who plays audio asks so, and they multiply the work), unknown
/// units and bad syntax all get the whole body.
pub fn parse(header: &str, length: u64) -> Part {
    let Some((unit, spec)) = header.split_once('=') else { return Part::Whole };
    let spec = spec.trim();
    if !unit.trim().eq_ignore_ascii_case("bytes") || spec.contains(',') {
        return Part::Whole;
    }
    let Some((first, last)) = spec.split_once('-') else { return Part::Whole };
    match (position(first), position(last)) {
        (Position::Absent, Position::At(0)) => Part::Unsatisfiable,
        (Position::Absent, Position::At(_)) if length == 0 => Part::Unsatisfiable,
        (Position::Absent, Position::At(suffix)) => {
            Part::Slice { first: length.saturating_sub(suffix), last: length - 1 }
        }
        (Position::At(first), Position::At(last)) if last < first => Part::Whole,
        (Position::At(first), _) if first >= length && position(last) != Position::Malformed => {
            Part::Unsatisfiable
        }
        (Position::At(first), Position::At(last)) => {
            Part::Slice { first, last: last.min(length - 1) }
        }
        (Position::At(first), Position::Absent) => Part::Slice { first, last: length - 1 },
        (Position::Absent, Position::Absent)
        | (Position::Malformed, _)
        | (_, Position::Malformed) => Part::Whole,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Position {
    Absent,
    At(u64),
    Malformed,
}

fn position(text: &str) -> Position {
    let text = text.trim();
    if text.is_empty() {
        Position::Absent
    } else if !text.bytes().all(|b| b.is_ascii_digit()) {
        Position::Malformed
    } else {
        // More digits than fit: past every end there is.
        Position::At(text.parse().unwrap_or(u64::MAX))
    }
}

/// Whether an `If-Range` header lets the range through: only our own strong validator does. A
/// date never does, for we send none (section 13.1.5).
pub fn if_range_matches(header: Option<&str>, etag: &str) -> bool {
    header.is_none_or(|value| value.trim() == etag)
}

/// Whether an `If-None-Match` header names `etag`, compared weakly (section 13.1.2).
pub fn none_match_names(header: Option<&str>, etag: &str) -> bool {
    let weak = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    header.is_some_and(|value| {
        value.trim() == "*" || value.split(',').any(|tag| weak(tag) == weak(etag))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn slice(first: u64, last: u64) -> Part {
        Part::Slice { first, last }
    }

    #[test]
    fn single_ranges() {
        assert_eq!(parse("bytes=0-0", 100), slice(0, 0));
        assert_eq!(parse("bytes=0-", 100), slice(0, 99));
        assert_eq!(parse("bytes=10-19", 100), slice(10, 19));
        assert_eq!(parse("bytes=90-1000", 100), slice(90, 99));
        assert_eq!(parse("bytes=-10", 100), slice(90, 99));
        assert_eq!(parse("bytes=-1000", 100), slice(0, 99));
        assert_eq!(parse("Bytes = 5-6 ", 100), slice(5, 6));
    }

    #[test]
    fn ranges_past_the_end() {
        assert_eq!(parse("bytes=100-", 100), Part::Unsatisfiable);
        assert_eq!(parse("bytes=100-200", 100), Part::Unsatisfiable);
        assert_eq!(parse("bytes=99999999999999999999999-", 100), Part::Unsatisfiable);
        assert_eq!(parse("bytes=-0", 100), Part::Unsatisfiable);
        assert_eq!(parse("bytes=0-", 0), Part::Unsatisfiable);
        assert_eq!(parse("bytes=-5", 0), Part::Unsatisfiable);
    }

    #[test]
    fn what_is_no_single_range_gets_the_whole() {
        for header in ["bytes=0-1,3-4", "bytes=5-4", "bytes=-", "items=0-1", "bytes", "bytes=a-b"] {
            assert_eq!(parse(header, 100), Part::Whole, "{header}");
        }
        assert_eq!(parse("bytes=200-x", 100), Part::Whole);
        assert_eq!(parse("bytes=+1-2", 100), Part::Whole);
    }

    #[test]
    fn validators() {
        assert!(if_range_matches(None, "\"a\""));
        assert!(if_range_matches(Some("\"a\""), "\"a\""));
        assert!(!if_range_matches(Some("W/\"a\""), "\"a\""));
        assert!(!if_range_matches(Some("Wed, 21 Oct 2015 07:28:00 GMT"), "\"a\""));
        assert!(none_match_names(Some("\"x\", W/\"a\""), "\"a\""));
        assert!(none_match_names(Some("*"), "\"a\""));
        assert!(!none_match_names(None, "\"a\""));
    }
}
