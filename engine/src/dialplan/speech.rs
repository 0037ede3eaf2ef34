//! Values as a telephone speaks them in English.

use std::time::Duration;

/// Digits one by one, with the names of the keys that are none: `1002` is "1 0 0 2".
pub fn spell(digits: &str) -> String {
    let words: Vec<String> = digits
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| match c {
            '*' => "star".to_owned(),
            '#' => "pound".to_owned(),
            '+' => "plus".to_owned(),
            c => c.to_string(),
        })
        .collect();
    words.join(" ")
}

/// A person's name; or a number, spelled, where nobody knows a name.
pub fn name_or_number(name: &str) -> String {
    let number = name.trim();
    let digits = number.chars().filter(char::is_ascii_digit).count();
    let is_number =
        digits >= 3 && number.chars().all(|c| c.is_ascii_digit() || "+-() ".contains(c));
    match (is_number, number.is_empty()) {
        (true, _) => spell(&number.replace(['-', '(', ')'], " ")),
        (false, true) => "an unknown caller".to_owned(),
        (false, false) => number.to_owned(),
    }
}

/// A duration in its one or two largest units: "2 minutes and 5 seconds", "3 hours".
pub fn duration(duration: Duration) -> String {
    // Rounded, as a person would say it: 4.98 s is "5 seconds".
    let seconds = (duration.as_millis().saturating_add(500) / 1000) as u64;
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => count(seconds, "second"),
        (0, 0, m) if m < 10 && !seconds.is_multiple_of(60) => {
            format!("{} and {}", count(m, "minute"), count(seconds % 60, "second"))
        }
        (0, 0, m) => count(m, "minute"),
        (0, h, m) if h < 3 && m >= 5 => {
            format!("{} and {}", count(h, "hour"), count(m, "minute"))
        }
        (0, h, _) => count(h, "hour"),
        (d, _, _) => count(d, "day"),
    }
}

fn count(n: u64, unit: &str) -> String {
    if n == 1 { format!("1 {unit}") } else { format!("{n} {unit}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speaks_as_people_do() {
        assert_eq!(spell("1002"), "1 0 0 2");
        assert_eq!(spell("*97"), "star 9 7");
        assert_eq!(name_or_number("+1 (555) 123"), "plus 1 5 5 5 1 2 3");
        assert_eq!(name_or_number("Alice Archer"), "Alice Archer");
        assert_eq!(name_or_number(""), "an unknown caller");
        assert_eq!(duration(Duration::from_millis(4980)), "5 seconds");
        assert_eq!(duration(Duration::from_secs(61)), "1 minute and 1 second");
        assert_eq!(duration(Duration::from_secs(7500)), "2 hours and 5 minutes");
        assert_eq!(duration(Duration::from_secs(3 * 86_400)), "3 days");
    }
}
