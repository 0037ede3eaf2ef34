//! For code reviews and editors: the Static Analysis Results Interchange Format (SARIF) 2.1.0 of
//! OASIS.

use serde_json::{Value, json};

use super::super::ast::Span;
use super::super::explain::{CODES, Code};
use super::{Columns, Diagnostic, Diagnostics};

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

impl Diagnostics {
    /// All of them as a SARIF 2.1.0 log of one run. A file's place is its name as a relative
    /// reference, so the names should be paths from where the reader of the log starts; an
    /// absolute path becomes a `file:` URI.
    pub fn sarif(&self) -> String {
        let rules: Vec<Value> = CODES.iter().map(rule).collect();
        let results: Vec<Value> = self.list.iter().map(|d| self.result(d)).collect();
        let log = json!({
            "$schema": SCHEMA,
            "version": "2.1.0",
            "runs": [{
                "tool": {
                    "driver": {
                        "name": "hark",
                        "semanticVersion": env!("CARGO_PKG_VERSION"),
                        "rules": rules,
                    },
                },
                "columnKind": "utf16CodeUnits",
                "artifacts": self
                    .sources
                    .iter()
                    .map(|source| json!({ "location": { "uri": uri(&source.name) } }))
                    .collect::<Vec<Value>>(),
                "results": results,
            }],
        });
        format!("{log:#}\n")
    }

    fn result(&self, d: &Diagnostic) -> Value {
        // Most readers show the message only, so it has to mend, too.
        let mut text = d.message.clone();
        for more in d.cause.iter().chain(&d.mend) {
            text.push('\n');
            text.push_str(more);
        }
        let mut main = self.location(d.span);
        main["message"] = json!({ "text": d.label });
        let related: Vec<Value> = d
            .related
            .iter()
            .enumerate()
            .map(|(id, (span, label))| {
                let mut location = self.location(*span);
                location["id"] = id.into();
                location["message"] = json!({ "text": label });
                location
            })
            .collect();
        let mut result = json!({
            "ruleId": format!("D{:04}", d.code),
            "level": d.severity.name(),
            "message": { "text": text },
            "locations": [main],
            "relatedLocations": related,
        });
        if let Some(index) = CODES.iter().position(|code| code.number == d.code) {
            result["ruleIndex"] = index.into();
        }
        result
    }

    fn location(&self, span: Span) -> Value {
        let place = self.place(span, Columns::Utf16);
        json!({
            "physicalLocation": {
                "artifactLocation": { "uri": uri(place.file), "index": span.source },
                "region": {
                    "startLine": place.line,
                    "startColumn": place.column,
                    "endLine": place.end_line,
                    "endColumn": place.end_column,
                },
            },
        })
    }
}

fn rule(code: &Code) -> Value {
    json!({
        "id": code.name(),
        "shortDescription": { "text": code.title },
        "fullDescription": { "text": code.summary() },
        "help": { "text": code.plain(), "markdown": code.text },
        "defaultConfiguration": { "level": code.severity.name() },
    })
}

/// A path as a URI reference (RFC 3986): forward slashes, and everything that means something
/// else in a URI written by its bytes.
fn uri(path: &str) -> String {
    let path = if cfg!(windows) { path.replace('\\', "/") } else { path.to_owned() };
    let path = path.strip_prefix("./").unwrap_or(&path);
    let mut out = String::new();
    if path.starts_with('/') {
        out.push_str("file://");
    }
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::uri;

    #[test]
    fn paths_are_written_as_uris() {
        assert_eq!(uri("dialplans/main.dial"), "dialplans/main.dial");
        assert_eq!(uri("./a b/ü?.dial"), "a%20b/%C3%BC%3F.dial");
        assert_eq!(uri("c:d.dial"), "c%3Ad.dial");
        assert_eq!(uri("/etc/hark/main.dial"), "file:///etc/hark/main.dial");
        assert_eq!(uri("../x.dial"), "../x.dial");
    }
}
