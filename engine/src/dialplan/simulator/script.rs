//! What was typed and what happened, and how a test says it.

use std::time::Duration;

/// How many lines are kept; a longer session can't be saved whole.
const MOST_LINES: usize = 10_000;

#[derive(Clone)]
enum Line {
    /// What was typed, and how long after what was typed before.
    Input(String, Duration),
    /// What is to be expected.
    Expect(String),
}

/// A session as it is written down.
#[derive(Clone, Default)]
pub struct Script(Vec<Line>);

impl Script {
    pub fn input(&mut self, text: String, waited: Duration) {
        self.push(Line::Input(text, waited));
    }

    pub fn expect(&mut self, what: String) {
        self.push(Line::Expect(what));
    }

    fn push(&mut self, line: Line) {
        if self.0.len() < MOST_LINES {
            self.0.push(line);
        }
    }

    /// Everything that is expected, in order.
    pub fn expected(&self) -> Vec<String> {
        let expected = self.0.iter().filter_map(|line| match line {
            Line::Expect(what) => Some(what.clone()),
            Line::Input(..) => None,
        });
        expected.collect()
    }

    /// As a test. With `last`, the time from the last input to the end, all inputs come as long
    /// after one another as they did.
    pub fn test(&self, name: &str, last: Option<Duration>) -> String {
        let mut text = format!("test {} {{\n", quoted(name));
        let mut expected: Vec<&str> = Vec::new();
        let mut begun = false;
        for line in &self.0 {
            match line {
                Line::Input(input, waited) => {
                    if begun {
                        waits(&mut text, last.map(|_| *waited));
                    }
                    begun = true;
                    for what in expected.drain(..) {
                        text.push_str(&format!("    expect {what}\n"));
                    }
                    text.push_str(&format!("    {input}\n"));
                }
                Line::Expect(what) => expected.push(what),
            }
        }
        waits(&mut text, last);
        for what in expected {
            text.push_str(&format!("    expect {what}\n"));
        }
        text.push_str("}\n");
        text
    }
}

fn waits(text: &mut String, waited: Option<Duration>) {
    if let Some(waited) = waited.filter(|waited| !waited.is_zero()) {
        text.push_str(&format!("    wait {}\n", duration(waited)));
    }
}

/// As an author writes it.
pub fn duration(length: Duration) -> String {
    let ms = length.as_millis();
    if ms.is_multiple_of(1000) { format!("{}s", ms / 1000) } else { format!("{ms}ms") }
}

/// A text as it stands in a source.
pub fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' | '{' | '}' => {
                out.push('\\');
                out.push(c);
            }
            '\n' => out.push_str("\\n"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
