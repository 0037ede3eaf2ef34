//! What stands at the outermost level of a file.

use super::super::ast::{
    Allow, Constant, Document, File, Holidays, Hours, Name, Route, RouteCondition, Translation,
    TranslationEntry,
};
use super::super::diagnostic::Diagnostic;
use super::super::lexer::TokenKind;
use super::{ITEMS, Parsed, Parser};

/// The days of the week, as authors write them.
pub const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const MINUTES_A_DAY: u16 = 1440;

impl Parser<'_> {
    pub(super) fn item(&mut self, file: &mut File) -> Parsed<()> {
        let word = self.word_here();
        match word {
            "import" => {
                self.bump();
                let span = self.span();
                let text = self.raw_text()?;
                file.imports.push(Name { text, span });
            }
            "languages" => {
                self.bump();
                file.languages.push(self.name("a language, such as `en`")?);
                while self.eat(TokenKind::Comma) {
                    file.languages.push(self.name("a language, such as `en`")?);
                }
            }
            "language" => {
                let translation = self.translation()?;
                file.translations.push(translation);
            }
            "timezone" => {
                self.bump();
                let span = self.span();
                let text = self.plain_text()?;
                file.zones.push(Name { text, span });
            }
            "holidays" => {
                let holidays = self.holidays()?;
                file.holidays.push(holidays);
            }
            "hours" => {
                let hours = self.hours()?;
                file.hours.push(hours);
            }
            "allow" => {
                let allow = self.allow()?;
                file.allows.push(allow);
            }
            "json" => {
                let doc = self.doc();
                self.bump();
                let name = self.name("the type's name")?;
                const EXAMPLE: &str = "json Booking { name: Text, open: Bool }";
                self.expect(TokenKind::LeftBrace, EXAMPLE)?;
                let fields = self.params(TokenKind::RightBrace, EXAMPLE)?;
                file.documents.push(Document { name, fields, doc });
            }
            "constant" => {
                let doc = self.doc();
                self.bump();
                let name = self.name("the constant's name")?;
                self.expect(TokenKind::Assign, "constant tries = 3")?;
                let value = self.expr()?;
                file.constants.push(Constant { doc, name, value });
            }
            "route" | "otherwise" => {
                let route = self.route()?;
                file.routes.push(route);
            }
            "flow" | "menu" => {
                let flow = self.flow()?;
                file.flows.push(flow);
            }
            "test" => {
                let test = self.test()?;
                file.tests.push(test);
            }
            _ => {
                let mut error = self.unexpected("a `route`, `flow`, `menu`, `test` or the like");
                if !word.is_empty() {
                    error = error.suggest(word, ITEMS);
                }
                return self.tell(error);
            }
        }
        self.eat(TokenKind::Semicolon);
        Ok(())
    }

    /// `route "1xxx" as ext when office -> deposit(user(ext))`
    fn route(&mut self) -> Parsed<Route> {
        let start = self.span();
        let doc = self.doc();
        let mut binder = None;
        let mut pattern = None;
        if self.eat_word("otherwise") {
            // Whatever was not taken before.
        } else {
            self.bump();
            pattern = Some(self.pattern("route \"1xxx\" as ext -> deposit(user(ext))")?);
        }
        let mut conditions = Vec::new();
        loop {
            if pattern.is_some() && binder.is_none() && self.eat_word("as") {
                binder = Some(self.name("a name for the number dialled")?);
            } else if let Some(condition) = self.route_condition()? {
                conditions.push(condition);
            } else {
                break;
            }
        }
        let span = start.to(self.previous());
        self.expect(TokenKind::Arrow, "route \"*97\" -> mailbox(caller)")?;
        let target = self.call_or_name()?;
        Ok(Route { pattern, binder, conditions, doc, target, span })
    }

    fn route_condition(&mut self) -> Parsed<Option<RouteCondition>> {
        let start = self.span();
        Ok(Some(match self.word_here() {
            "at" => {
                self.bump();
                let domain = self.plain_text()?;
                RouteCondition::Domain(domain, start.to(self.previous()))
            }
            "from" => {
                self.bump();
                if self.eat_word("trunk") {
                    let trunk = self.plain_text()?;
                    RouteCondition::Trunk(trunk, start.to(self.previous()))
                } else if self.eat_word("user") {
                    RouteCondition::Identified(true, start.to(self.previous()))
                } else if self.eat_word("guest") {
                    RouteCondition::Identified(false, start.to(self.previous()))
                } else {
                    let pattern = self.caller_pattern()?;
                    RouteCondition::From(pattern, start.to(self.previous()))
                }
            }
            "when" => {
                self.bump();
                let not = self.eat_word("not");
                let hours = self.name("the name of some `hours`")?;
                RouteCondition::When { hours, not, span: start.to(self.previous()) }
            }
            _ => return Ok(None),
        }))
    }

    /// A caller's number. Those of other countries begin with `+`, which is on no key: it does
    /// not count.
    fn caller_pattern(&mut self) -> Parsed<super::super::pattern::Pattern> {
        self.pattern_without_plus("route \"1xxx\" from \"+49x+\" as ext -> deposit(user(ext))")
    }

    /// `language de { "Goodbye." = "Auf Wiederhören." }`
    fn translation(&mut self) -> Parsed<Translation> {
        const EXAMPLE: &str = "language de { \"Goodbye.\" = \"Auf Wiederhören.\" }";
        self.bump();
        let language = self.name("a language, such as `de`")?;
        let open = self.span();
        self.expect(TokenKind::LeftBrace, EXAMPLE)?;
        let mut entries = Vec::new();
        loop {
            while self.eat(TokenKind::Semicolon) || self.eat(TokenKind::Comma) {}
            match self.kind() {
                TokenKind::RightBrace => break,
                TokenKind::End => return self.unclosed(open),
                _ => {}
            }
            match self.translation_entry(EXAMPLE) {
                Ok(entry) => entries.push(entry),
                Err(_) => self.skip_to_next_line(),
            }
        }
        self.bump();
        Ok(Translation { language, entries })
    }

    fn translation_entry(&mut self, example: &str) -> Parsed<TranslationEntry> {
        let span = self.span();
        let text = self.raw_text()?;
        self.expect(TokenKind::Assign, example)?;
        if self.kind() != TokenKind::Text {
            let error = self.unexpected("a text in quotes").mend(format!("as in: {example}"));
            return self.tell(error);
        }
        let translated = self.text()?;
        Ok(TranslationEntry { original: Name { text, span }, text: translated })
    }

    /// `holidays feast = 2026-12-24, 12-25`
    fn holidays(&mut self) -> Parsed<Holidays> {
        const EXAMPLE: &str = "holidays feast = 2026-12-24, 12-25, 12-26";
        let doc = self.doc();
        self.bump();
        let name = self.name("the holidays' name")?;
        self.expect(TokenKind::Assign, EXAMPLE)?;
        let mut days = vec![self.date(EXAMPLE)?];
        while self.eat(TokenKind::Comma) {
            days.push(self.date(EXAMPLE)?);
        }
        Ok(Holidays { name, days, doc })
    }

    fn date(&mut self, example: &str) -> Parsed<(Option<i16>, u8, u8)> {
        let start = self.span();
        let first = self.whole_number(example)?;
        self.expect(TokenKind::Minus, example)?;
        let second = self.whole_number(example)?;
        let (year, month, day) = if self.eat(TokenKind::Minus) {
            (Some(first), second, self.whole_number(example)?)
        } else {
            (None, first, second)
        };
        let fits = |n: i64, most: i64| (1..=most).contains(&n);
        let longest = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let month_days =
            usize::try_from(month - 1).ok().and_then(|m| longest.get(m)).copied().unwrap_or(0);
        let leap = year.is_none_or(|y| y % 4 == 0 && (y % 100 != 0 || y % 400 == 0));
        let exists = fits(month, 12) && fits(day, month_days) && (leap || (month, day) != (2, 29));
        if !exists || year.is_some_and(|y| !(1970..=2999).contains(&y)) {
            let span = start.to(self.previous());
            self.diagnostics.push(
                Diagnostic::error(20, span, "there is no such day")
                    .mend("a day is written year-month-day, or month-day for every year"),
            );
            // Told; what it stands in has its name nonetheless.
            return Ok((None, 1, 1));
        }
        let small = |n: i64| u8::try_from(n).unwrap_or(1);
        Ok((year.and_then(|y| i16::try_from(y).ok()), small(month), small(day)))
    }

    /// `hours office in "Europe/Berlin" = mon-fri 9:00-17:30, sat 10:00-13:00 except feast`
    fn hours(&mut self) -> Parsed<Hours> {
        const EXAMPLE: &str = "hours office = mon-fri 9:00-17:30, sat 10:00-13:00 except feast";
        let doc = self.doc();
        self.bump();
        let name = self.name("the hours' name")?;
        let mut zone = None;
        if self.eat_word("in") {
            let span = self.span();
            zone = Some(Name { text: self.plain_text()?, span });
        }
        self.expect(TokenKind::Assign, EXAMPLE)?;
        let mut days = Vec::new();
        let mut spans = Vec::new();
        loop {
            if self.kind() == TokenKind::Word || days.is_empty() {
                days = self.days(EXAMPLE)?;
            }
            let from = self.clock(EXAMPLE)?;
            self.expect(TokenKind::Minus, EXAMPLE)?;
            let until = self.clock(EXAMPLE)?;
            spans.push((days.clone(), from % MINUTES_A_DAY, until));
            if !self.eat(TokenKind::Comma) {
                break;
            }
        }
        let mut except = Vec::new();
        if self.eat_word("except") {
            except.push(self.name("the name of some `holidays`")?);
            while self.eat_word("and") {
                except.push(self.name("the name of some `holidays`")?);
            }
        }
        Ok(Hours { name, zone, spans, except, doc })
    }

    /// `mon-fri`, `sat and sun`, `daily`
    fn days(&mut self, example: &str) -> Parsed<Vec<u8>> {
        if self.eat_word("daily") {
            return Ok((1..=7).collect());
        }
        let mut days = Vec::new();
        loop {
            let from = self.day(example)?;
            if self.eat(TokenKind::Minus) {
                let to = self.day(example)?;
                // `fri-mon` goes over the week's end.
                let length = (to + 7 - from) % 7;
                days.extend((0..=length).map(|n| (from - 1 + n) % 7 + 1));
            } else {
                days.push(from);
            }
            if !self.eat_word("and") {
                return Ok(days);
            }
        }
    }

    fn day(&mut self, example: &str) -> Parsed<u8> {
        let word = self.word_here();
        let Some(at) = DAYS.iter().position(|day| *day == word) else {
            let error = self
                .unexpected("a day of the week")
                .mend(format!("mon, tue, wed, thu, fri, sat, sun or daily; as in: {example}"))
                .suggest(word, DAYS);
            return self.tell(error);
        };
        self.bump();
        Ok(u8::try_from(at + 1).unwrap_or(1))
    }

    /// `9:00`, as minutes of the day; 24:00 is the day's end.
    pub(super) fn clock(&mut self, example: &str) -> Parsed<u16> {
        let start = self.span();
        let hour = self.whole_number(example)?;
        self.expect(TokenKind::Colon, example)?;
        let minute = self.whole_number(example)?;
        if !(0..=24).contains(&hour) || !(0..60).contains(&minute) || hour * 60 + minute > 1440 {
            let span = start.to(self.previous());
            self.diagnostics.push(
                Diagnostic::error(20, span, "no clock shows this")
                    .mend("a time is written 0:00 to 24:00"),
            );
            return Ok(u16::try_from(hour.clamp(0, 23) * 60 + minute.clamp(0, 59)).unwrap_or(0));
        }
        Ok(u16::try_from(hour * 60 + minute).unwrap_or(0))
    }

    fn whole_number(&mut self, example: &str) -> Parsed<i64> {
        if let TokenKind::Number(number) = self.kind() {
            self.bump();
            return Ok(number);
        }
        let error = self.unexpected("a number").mend(format!("as in: {example}"));
        self.tell(error)
    }

    /// `allow local = "030x+", "1xxx"`
    fn allow(&mut self) -> Parsed<Allow> {
        const EXAMPLE: &str = "allow local = \"030x{4,8}\", \"1xxx\"";
        let doc = self.doc();
        self.bump();
        let name = self.name("the list's name")?;
        self.expect(TokenKind::Assign, EXAMPLE)?;
        let mut patterns = Vec::new();
        loop {
            let span = self.span();
            patterns.push((self.pattern_without_plus(EXAMPLE)?, span));
            if !self.eat(TokenKind::Comma) {
                return Ok(Allow { name, patterns, doc });
            }
        }
    }
}
