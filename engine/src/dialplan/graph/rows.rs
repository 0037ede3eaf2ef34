//! The rows of a card: what a flow's instructions come to, for those who only listen.

use super::super::ast::{
    ActKind, Block, Call, Cause, Expr, ExprKind, Kept, Match, Menu, Name, PlayWhat, Record, Stmt,
    StmtKind,
};
use super::super::effect::HangupCause;
use super::build::Known;
use super::model::{Arrow, ArrowKind, Row, RowKind};
use super::words::{keys, later, question, spoken, title, words};

/// How many rows a card has at most; the rest is summed up in one.
const MOST_ROWS: usize = 200;

/// What stands where something begins anew without a limit; the arrow says the same.
const AGAIN: &str = "again";

/// The rows of one card, and the arrows that leave them.
pub struct Rows<'a> {
    pub rows: Vec<Row>,
    pub arrows: Vec<Arrow>,
    card: usize,
    known: &'a Known<'a>,
    depth: usize,
    /// The row at which the innermost menu begins.
    menu: Option<usize>,
}

impl<'a> Rows<'a> {
    pub fn of(card: usize, body: &Block, known: &'a Known<'a>) -> Self {
        let (rows, arrows) = (Vec::new(), Vec::new());
        let mut all = Self { rows, arrows, card, known, depth: 0, menu: None };
        match body.stmts.as_slice() {
            // A named menu is its card: `again` leads to the title.
            [Stmt { kind: StmtKind::Menu(menu), .. }] => all.menu_rows(menu),
            _ => all.block(body, true),
        }
        if all.rows.len() > MOST_ROWS {
            let left = all.rows.len() - MOST_ROWS;
            all.rows.truncate(MOST_ROWS);
            all.arrows.retain(|a| a.row < MOST_ROWS && a.to_row.is_none_or(|r| r < MOST_ROWS));
            all.depth = 0;
            all.row(RowKind::Action, format!("… and {left} lines more"));
        }
        all
    }

    /// The instructions of a block; the last of a block at the flow's end does not come back.
    fn block(&mut self, block: &Block, last: bool) {
        let end = block.stmts.len();
        for (stmt, number) in block.stmts.iter().zip(1..) {
            self.stmt(&stmt.kind, last && number == end);
        }
    }

    fn stmt(&mut self, stmt: &StmtKind, last: bool) {
        use RowKind::{Action, Reaches, Speech};
        match stmt {
            StmtKind::Answer
            | StmtKind::Log(_)
            | StmtKind::Pause(_)
            | StmtKind::Told { .. }
            | StmtKind::Panic => {}
            StmtKind::Early => self.row(Action, "before the call is answered:"),
            StmtKind::Say(text, _) => {
                let text = spoken(text, &self.known.constants);
                self.row(Speech, text);
            }
            StmtKind::Play(what, otherwise) => self.play(what, otherwise.as_ref(), last),
            StmtKind::Tone(..) => self.row(Action, "a tone"),
            StmtKind::Beep => self.row(Action, "a beep"),
            StmtKind::Collect(collect) => {
                let (fewest, most) = (self.words(&collect.fewest), self.words(&collect.most));
                let many = if fewest == most { most } else { format!("{fewest} to {most}") };
                let secret = if collect.secret { ", which stay secret" } else { "" };
                self.row(Action, format!("waits for {many} digits{secret}"));
                self.otherwise("if too few are typed", collect.otherwise.as_ref(), last);
            }
            StmtKind::Record(record) => self.record(record),
            StmtKind::Assign { value, otherwise, .. } => {
                self.assign(value, otherwise.as_ref(), last);
            }
            StmtKind::Send {
                to,
                receipt,
                urgent,
                private,
                later: time,
                answering,
                otherwise,
                ..
            } => {
                let mut text = format!("sends the message to {}", self.list(to));
                let flags =
                    [(*urgent, ", urgent"), (*private, ", private"), (*receipt, ", with receipt")];
                text.extend(flags.iter().filter(|(set, _)| *set).map(|(_, word)| *word));
                if answering.is_some() {
                    text.push_str(", as an answer");
                }
                if let Some(time) = time {
                    text.push_str(&format!(", {}", later(time, &self.known.constants)));
                }
                self.row(Reaches, text);
                self.otherwise("if it can’t be kept", otherwise.as_ref(), last);
            }
            StmtKind::Forward(forward) => {
                let text = format!("passes the message on to {}", self.list(&forward.to));
                self.row(Reaches, text);
                self.otherwise("if that fails", forward.otherwise.as_ref(), last);
            }
            StmtKind::Keep { what, user, otherwise, .. } => {
                let kept = match what {
                    Kept::Greeting(kind) => format!("{} greeting", kind.name()),
                    Kept::Name => "spoken name".into(),
                };
                let text = format!("keeps it as the {kept} of {}", self.whom(user));
                self.row(Action, text);
                self.otherwise("if it can’t be kept", otherwise.as_ref(), last);
            }
            StmtKind::Remove { greeting, user, otherwise } => {
                let text =
                    format!("removes the {} greeting of {}", greeting.name(), self.whom(user));
                self.row(Action, text);
                self.otherwise("if that fails", otherwise.as_ref(), last);
            }
            StmtKind::Connect { callee, ring_for, via, otherwise } => {
                let text = self.reaching("connects with", callee, ring_for.as_ref(), via.as_ref());
                self.row(Reaches, text);
                self.otherwise("if nobody answers", otherwise.as_ref(), last);
            }
            StmtKind::Ring { callee, ring_for, via, flow, otherwise } => {
                let text = self.reaching("rings", callee, ring_for.as_ref(), via.as_ref());
                self.row(Reaches, text);
                self.lead(flow, ArrowKind::Rings);
                self.otherwise("if that can’t be done", otherwise.as_ref(), last);
            }
            StmtKind::Notify { user, text, otherwise } => {
                let shown = spoken(text, &self.known.constants);
                let text = format!("shows {} on the screen: {shown}", self.whom(user));
                self.row(Reaches, text);
                self.otherwise("if nobody sees it", otherwise.as_ref(), last);
            }
            StmtKind::Set { user, field, value, otherwise } => {
                let field = field.text.replace('_', " ");
                let text =
                    format!("sets the {field} of {} to {}", self.whom(user), self.words(value));
                self.row(Action, text);
                self.otherwise("if that fails", otherwise.as_ref(), last);
            }
            StmtKind::Webhook(webhook) => {
                let text = format!("asks a web service for {}", title(&webhook.kind.text));
                self.row(Action, text);
                self.otherwise("if it does not answer", webhook.otherwise.as_ref(), last);
            }
            StmtKind::Speak(language) => {
                self.row(Action, format!("speaks {} from here on", language.text));
            }
            StmtKind::Return(value) => {
                let text = value.as_ref().map(|v| format!("gives back {}", self.words(v)));
                self.row(RowKind::Goes, text.unwrap_or_else(|| "goes back".into()));
            }
            StmtKind::Match(choice) => self.choice(choice, last),
            StmtKind::Discard(_) => self.row(Action, "throws the recording away"),
            StmtKind::Act { kind, otherwise, .. } => {
                self.row(Action, act(*kind));
                self.otherwise("if that fails", otherwise.as_ref(), last);
            }
            StmtKind::Menu(menu) => {
                let outer = self.menu.replace(self.rows.len());
                self.row(RowKind::Question, "asks the caller:");
                self.deeper(|rows| rows.menu_rows(menu));
                self.menu = outer;
            }
            StmtKind::Call(call) => self.call(call, last),
            StmtKind::Again(limit) => self.again(limit.as_ref()),
            StmtKind::If { condition, allowed, binder, then, otherwise } => {
                let mut text = format!("if {}", self.question(condition));
                if let Some(list) = allowed {
                    text.push_str(&format!(" is allowed by “{}”", list.text.replace('_', " ")));
                } else if binder.is_some() {
                    text.push_str(" is known");
                }
                self.under(RowKind::Condition, "", &text, then, last);
                self.or_else(otherwise.as_ref(), last);
            }
            StmtKind::ForEach { list, body, otherwise, .. } => {
                let text = format!("for each of {}", self.words(list));
                self.under(RowKind::Condition, "", &text, body, false);
                self.otherwise("if they can’t be found out", otherwise.as_ref(), last);
            }
            StmtKind::Hangup(cause) => self.end(hangup(*cause)),
        }
    }

    // ---- instructions of more than a line ----

    fn play(&mut self, what: &PlayWhat, otherwise: Option<&Block>, last: bool) {
        let text = match what {
            PlayWhat::Prompt(name) => format!("recorded prompt “{}”", name.text),
            PlayWhat::Value(value) => format!("plays: {}", self.words(&value.value)),
        };
        self.row(RowKind::Speech, text);
        self.otherwise("if there is none", otherwise, last);
    }

    fn record(&mut self, record: &Record) {
        let mut text = String::from("records the caller");
        let mut ends = Vec::new();
        if !record.stop_on.is_empty() {
            ends.push(keys(record.stop_on));
        }
        if let Some(silence) = &record.silence {
            ends.push(format!("{} of silence", self.words(silence)));
        }
        if !ends.is_empty() {
            text.push_str(&format!(" until {}", ends.join(" or ")));
        }
        text.push_str(&format!(", at most {}", self.words(&record.max)));
        match record.hangup_keeps {
            Some(true) => text.push_str("; a hang-up keeps it"),
            Some(false) => text.push_str("; a hang-up discards it"),
            None => {}
        }
        self.row(RowKind::Action, text);
    }

    fn assign(&mut self, value: &Expr, otherwise: Option<&Block>, last: bool) {
        match &value.kind {
            ExprKind::Call(call) if self.known.titles.contains_key(call.name.text.as_str()) => {
                self.call(call, false);
            }
            _ if otherwise.is_some() => {
                let text = format!("looks up {}", self.words(value));
                self.row(RowKind::Action, text);
            }
            _ => {}
        }
        self.otherwise("if that can’t be found out", otherwise, last);
    }

    fn choice(&mut self, choice: &Match, last: bool) {
        let value = self.words(&choice.value);
        for arm in &choice.arms {
            let values: Vec<String> = arm.values.iter().map(|v| self.words(v)).collect();
            let text = format!("if {value} is {}", values.join(" or "));
            self.under(RowKind::Condition, "", &text, &arm.action, last);
        }
        if let Some((block, _)) = &choice.other {
            self.under(RowKind::Condition, "", "in any other case", block, last);
        }
    }

    fn or_else(&mut self, otherwise: Option<&Block>, last: bool) {
        let Some(block) = otherwise else { return };
        match block.stmts.as_slice() {
            // `else if` stands as deep as the `if`.
            [Stmt { kind: StmtKind::If { condition, allowed, binder, then, otherwise }, .. }] => {
                let mut text = format!("or else if {}", self.question(condition));
                if let Some(list) = allowed {
                    text.push_str(&format!(" is allowed by “{}”", list.text.replace('_', " ")));
                } else if binder.is_some() {
                    text.push_str(" is known");
                }
                self.under(RowKind::Condition, "", &text, then, last);
                self.or_else(otherwise.as_ref(), last);
            }
            _ => self.under(RowKind::Condition, "", "or else", block, last),
        }
    }

    fn menu_rows(&mut self, menu: &Menu) {
        self.block(&menu.prompt, false);
        for answer in &menu.answers {
            let causes: Vec<String> = answer.causes.iter().map(|cause| self.cause(cause)).collect();
            self.under(RowKind::Answer, &causes.join(" or "), "", &answer.action, true);
        }
    }

    fn cause(&self, cause: &Cause) -> String {
        match cause {
            Cause::Key(key, _) => key.to_string(),
            Cause::Digits(pattern, ..) => format!("number {}", pattern.as_str()),
            Cause::Silence(length, _) => format!("silence {}", self.words(length)),
            Cause::Other(_) => "anything else".into(),
            Cause::Hangup(_) => "hang-up".into(),
        }
    }

    fn again(&mut self, limit: Option<&(Expr, Block)>) {
        let text = match limit {
            Some((most, _)) => format!("again, at most {} times", self.words(most)),
            None => AGAIN.into(),
        };
        self.row(RowKind::Goes, text);
        let row = self.rows.len() - 1;
        self.rows[row].redundant = limit.is_none();
        let (from, to) = (self.card, self.card);
        self.arrows.push(Arrow { from, row, to, to_row: self.menu, kind: ArrowKind::Again });
        if let Some((_, then)) = limit {
            self.under(RowKind::Condition, "", "after that", then, true);
        }
    }

    fn call(&mut self, call: &Call, last: bool) {
        let name = call.name.text.as_str();
        if let Some(end) = self.known.ends.get(name) {
            return self.end(end.clone());
        }
        let text = self.known.titles.get(name).cloned().unwrap_or_else(|| title(name));
        self.row(RowKind::Goes, text);
        if let Some(row) = self.rows.last_mut() {
            row.redundant = true;
        }
        let stays = last || self.known.stays.contains(name);
        self.lead(call, if stays { ArrowKind::Goes } else { ArrowKind::Visits });
    }

    /// An arrow from the last row.
    fn lead(&mut self, call: &Call, kind: ArrowKind) {
        let Some(row) = self.rows.len().checked_sub(1) else { return };
        if let Some(to) = self.known.flows.get(call.name.text.as_str()) {
            self.arrows.push(Arrow { from: self.card, row, to: *to, to_row: None, kind });
        } else if let Some(end) = self.known.ends.get(call.name.text.as_str()) {
            self.rows[row].end = Some(end.clone());
        }
    }

    fn end(&mut self, how: String) {
        let depth = self.depth;
        let leaves = self.rows.len().checked_sub(1);
        let leaves = leaves.is_some_and(|row| self.arrows.iter().any(|a| a.row == row));
        // Beside what is done last, if that is a row of the same block.
        if let Some(row) = self.rows.last_mut().filter(|row| row.depth == depth && !leaves)
            && matches!(row.kind, RowKind::Speech | RowKind::Action | RowKind::Reaches)
            && row.end.is_none()
        {
            row.end = Some(how);
            return;
        }
        self.row(RowKind::Goes, "");
        if let Some(row) = self.rows.last_mut() {
            row.end = Some(how);
            row.redundant = true;
        }
    }

    // ---- rows ----

    fn row(&mut self, kind: RowKind, text: impl Into<String>) {
        let (depth, text) = (self.depth, text.into());
        let badge = String::new();
        self.rows.push(Row { kind, depth, badge, text, end: None, redundant: false });
    }

    fn deeper(&mut self, act: impl FnOnce(&mut Self)) {
        self.depth += 1;
        act(self);
        self.depth -= 1;
    }

    fn otherwise(&mut self, when: &str, block: Option<&Block>, last: bool) {
        if let Some(block) = block {
            self.under(RowKind::Condition, "", when, block, last);
        }
    }

    /// A head, and the block's rows under it; what fits into the head's own line stands there.
    fn under(&mut self, kind: RowKind, badge: &str, text: &str, block: &Block, last: bool) {
        let head = self.rows.len();
        self.row(kind, text);
        self.rows[head].badge = badge.to_owned();
        self.deeper(|rows| rows.block(block, last));
        if self.rows.len() == head + 1 {
            if kind == RowKind::Answer {
                self.rows[head].text = "goes on".into();
            }
            return;
        }
        let rest = self.rows.len() - head - 1;
        if kind == RowKind::Answer && (rest == 1 || self.is_simple(head + 1)) {
            self.absorb(head);
        }
        let rest = self.rows.len() - head - 1;
        let leaves = self.rows[head].end.is_some() || self.arrows.iter().any(|a| a.row == head);
        if rest == 1 && !leaves && self.rows[head + 1].redundant {
            self.absorb(head);
        }
    }

    /// Whether a row may stand behind a key.
    fn is_simple(&self, row: usize) -> bool {
        !matches!(self.rows[row].kind, RowKind::Condition | RowKind::Question | RowKind::Answer)
    }

    /// Takes the row behind `head` into it.
    fn absorb(&mut self, head: usize) {
        let row = self.rows.remove(head + 1);
        let into = &mut self.rows[head];
        if into.text.is_empty() {
            into.text = row.text;
        } else if into.kind == RowKind::Answer && row.end.is_none() && row.text != AGAIN {
            into.text.push_str(&format!(" → {}", row.text));
        }
        into.end = row.end;
        into.redundant = false;
        for arrow in &mut self.arrows {
            if arrow.row > head {
                arrow.row -= 1;
            }
            arrow.to_row = arrow.to_row.map(|to| if to > head { to - 1 } else { to });
        }
        self.menu = self.menu.map(|menu| if menu > head { menu - 1 } else { menu });
    }

    fn words(&self, expr: &Expr) -> String {
        words(expr, &self.known.constants)
    }

    fn question(&self, expr: &Expr) -> String {
        question(expr, &self.known.constants)
    }

    /// Somebody, as the value that it is.
    fn whom(&self, expr: &Expr) -> String {
        format!("‹{}›", self.words(expr))
    }

    fn list(&self, list: &[Expr]) -> String {
        list.iter().map(|e| self.whom(e)).collect::<Vec<_>>().join(" and ")
    }

    fn reaching(
        &self,
        does: &str,
        callee: &Expr,
        ring_for: Option<&Expr>,
        via: Option<&Name>,
    ) -> String {
        let mut text = format!("{does} {}", self.whom(callee));
        if let Some(length) = ring_for {
            text.push_str(&format!(" for {}", self.words(length)));
        }
        if let Some(trunk) = via {
            text.push_str(&format!(" via {}", trunk.text));
        }
        text
    }
}

fn act(kind: ActKind) -> &'static str {
    match kind {
        ActKind::MarkHeard => "marks the message as heard",
        ActKind::Save => "saves the message",
        ActKind::Delete => "deletes the message",
        ActKind::Confirm => "confirms the message",
        ActKind::Restore => "restores the message",
    }
}

fn hangup(cause: HangupCause) -> String {
    match cause {
        HangupCause::Normal => "hangs up",
        HangupCause::Busy => "hangs up: busy",
        HangupCause::Rejected => "hangs up: rejected",
        HangupCause::Unavailable => "hangs up: unavailable",
        HangupCause::NotFound => "hangs up: not found",
        HangupCause::Congestion => "hangs up: congestion",
    }
    .into()
}
