//! For people: each diagnostic with the lines that it speaks of.

use ariadne::{Color, Config, IndexType, Label, Report, ReportKind, sources};

use super::super::ast::Span;
use super::place::boundary;
use super::{Diagnostic, Diagnostics, Severity};

impl Diagnostics {
    /// All of them as text for a terminal, each with the lines that it speaks of.
    pub fn render(&self, color: bool) -> String {
        let mut out = Vec::new();
        let mut cache = sources(self.sources.iter().map(|s| (s.name.clone(), s.text.clone())));
        for diagnostic in &self.list {
            // Writing to a Vec does not fail, and a report that could not be drawn must not hide
            // the others.
            if self.report(diagnostic, color).write(&mut cache, &mut out).is_err() {
                out.extend_from_slice(diagnostic.message.as_bytes());
            }
        }
        // ariadne pads lines with blanks, which neither terminals nor snapshots need.
        let text = String::from_utf8_lossy(&out);
        text.lines().map(|line| format!("{}\n", line.trim_end())).collect()
    }

    fn report(
        &self,
        d: &Diagnostic,
        color: bool,
    ) -> Report<'static, (String, std::ops::Range<usize>)> {
        let (kind, main) = match d.severity {
            Severity::Error => (ReportKind::Error, Color::Red),
            Severity::Warning => (ReportKind::Warning, Color::Yellow),
        };
        let config = Config::default().with_color(color).with_index_type(IndexType::Byte);
        let mut report = Report::build(kind, self.locate(d.span))
            .with_config(config)
            .with_code(format_args!("D{:04}", d.code))
            .with_message(&d.message)
            .with_label(Label::new(self.locate(d.span)).with_message(&d.label).with_color(main));
        for (order, (span, label)) in d.related.iter().enumerate() {
            let order = i32::try_from(order).unwrap_or(0) + 1;
            report = report.with_label(
                Label::new(self.locate(*span))
                    .with_message(label)
                    .with_color(Color::Cyan)
                    .with_order(order),
            );
        }
        if let Some(cause) = &d.cause {
            report = report.with_note(cause);
        }
        if let Some(mend) = &d.mend {
            report = report.with_help(mend);
        }
        report.finish()
    }

    fn locate(&self, span: Span) -> (String, std::ops::Range<usize>) {
        let Some(source) = self.sources.get(span.source as usize) else {
            return (String::new(), 0..0);
        };
        let start = boundary(&source.text, span.start);
        let end = boundary(&source.text, span.end).max(start);
        // Of what goes over several lines, the first tells enough.
        let line = source.text[start..end].find('\n').unwrap_or(end - start);
        (source.name.clone(), start..start + line)
    }
}
