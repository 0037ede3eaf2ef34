//! Escapes in URIs (RFC 3261 section 19.1.2).

/// `s` with the octet of every `%xx` passed to `keep`: those it wants stay escaped.
fn decode(s: &str, keep: impl Fn(u8) -> bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(s.len());
    let mut rest = s.as_bytes();
    while let Some((&b, tail)) = rest.split_first() {
        rest = tail;
        let octet = match (b, tail) {
            (b'%', [high, low, ..]) => {
                hex_digit(*high).zip(hex_digit(*low)).map(|(h, l)| h << 4 | l)
            }
            _ => None,
        };
        match octet {
            Some(octet) => {
                rest = &tail[2..];
                if keep(octet) {
                    out.extend([b'%', tail[0].to_ascii_uppercase(), tail[1].to_ascii_uppercase()]);
                } else {
                    out.push(octet);
                }
            }
            None => out.push(b),
        }
    }
    out
}

fn hex_digit(b: u8) -> Option<u8> {
    char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok())
}

/// `s` with its escapes undone.
pub fn unescape(s: &str) -> String {
    String::from_utf8_lossy(&decode(s, |_| false)).into_owned()
}

/// `s` in one spelling: what need not be escaped is not, and escapes are in upper case.
pub fn normal(s: &str) -> String {
    String::from_utf8_lossy(&decode(s, |b| !is_unreserved(b))).into_owned()
}

fn is_unreserved(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&b)
}

/// `user` with everything escaped that a user part may not hold.
pub fn escape_user(user: &str) -> String {
    let mut out = String::with_capacity(user.len());
    for b in user.bytes() {
        if is_unreserved(b) || b"&=+$,;?/".contains(&b) {
            out.push(char::from(b));
        } else {
            out.push_str(&format!("%{b:02X}"));
        }
    }
    out
}
