//! How wide text is, and how it is broken and escaped. Whoever shows the picture chooses the
//! font; what is reckoned here is what the widest usual sans-serif fonts need.

/// The width of a text in pixels, at a font size in tenths of a pixel.
pub fn width(text: &str, size: i32) -> i32 {
    let em: i32 = text.chars().map(advance).sum();
    (em * size + 999) / 1000
}

/// The advance of a character, in hundredths of an em.
const fn advance(c: char) -> i32 {
    match c {
        'i' | 'l' | 'j' | '.' | ',' | '\'' | '|' | '!' | ':' | ';' | 'I' | '’' | '‘' | ' ' => {
            33
        }
        'f' | 't' | 'r' | '(' | ')' | '[' | ']' | '-' | '“' | '”' | '‹' | '›' | '·' | '/' => {
            44
        }
        'm' | 'w' | 'M' | 'W' | '@' | '%' | '…' | '—' | '→' => 100,
        'A'..='Z' => 72,
        '\u{0}'..='\u{2ff}' => 63,
        _ => 100,
    }
}

/// The text in lines of at most `most` pixels, broken between words, or within one that is too
/// long. At least one line.
pub fn wrap(text: &str, size: i32, most: i32) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let Some(line) = lines.last_mut() else { break };
        let longer = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
        if width(&longer, size) <= most {
            *line = longer;
            continue;
        }
        let mut next = String::new();
        for c in word.chars() {
            next.push(c);
            if width(&next, size) > most && next.chars().count() > 1 {
                next.pop();
                push(&mut lines, std::mem::replace(&mut next, c.to_string()));
            }
        }
        push(&mut lines, next);
    }
    lines
}

fn push(lines: &mut Vec<String>, line: String) {
    match lines.last_mut() {
        Some(last) if last.is_empty() => *last = line,
        _ => lines.push(line),
    }
}

/// As content or attribute of XML 1.0; what XML has no place for becomes U+FFFD.
pub fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' | '\r' => out.push(' '),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
