//! For scripts: one JSON document.

use serde_json::{Value, json};

use super::super::ast::Span;
use super::{Columns, Diagnostics, Severity};

impl Diagnostics {
    /// All of them as one JSON document:
    ///
    /// ```json
    /// {"files": ["main.dial"], "errors": 1, "warnings": 0, "diagnostics": [{
    ///   "code": "D0301", "severity": "error", "message": "…", "file": "main.dial",
    ///   "line": 3, "column": 5, "endLine": 3, "endColumn": 9, "label": "…",
    ///   "cause": "…", "mend": "…",
    ///   "related": [{"file": "…", "line": 1, "column": 1, "endLine": 1, "endColumn": 2, "label": "…"}]
    /// }]}
    /// ```
    ///
    /// Lines and columns count from 1, columns in characters, and the end is the column behind
    /// the last. `cause` and `mend` are null where there is none.
    pub fn json(&self) -> String {
        let files: Vec<&str> = self.sources.iter().map(|source| source.name.as_str()).collect();
        let list: Vec<Value> = self
            .list
            .iter()
            .map(|d| {
                let related = d.related.iter().map(|(span, label)| self.place_json(*span, label));
                let mut entry = self.place_json(d.span, &d.label);
                entry["code"] = format!("D{:04}", d.code).into();
                entry["severity"] = d.severity.name().into();
                entry["message"] = d.message.as_str().into();
                entry["cause"] = d.cause.as_deref().into();
                entry["mend"] = d.mend.as_deref().into();
                entry["related"] = related.collect();
                entry
            })
            .collect();
        let document = json!({
            "files": files,
            "diagnostics": list,
            "errors": self.count(Severity::Error),
            "warnings": self.count(Severity::Warning),
        });
        format!("{document:#}\n")
    }

    fn place_json(&self, span: Span, label: &str) -> Value {
        let place = self.place(span, Columns::Characters);
        json!({
            "file": place.file,
            "line": place.line,
            "column": place.column,
            "endLine": place.end_line,
            "endColumn": place.end_column,
            "label": label,
        })
    }
}
