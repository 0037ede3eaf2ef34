//! Programs that nobody wrote: grown from the grammar, with most of what the checker asks for,
//! and now and then without, so that what it lets pass is more than authors think of.

use super::choices::Choices;

/// Whoever takes a recording, and what the flow gives back.
#[derive(Clone, Copy)]
struct Flow {
    recording: bool,
    result: Option<Gives>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Gives {
    Bool,
    Recording,
}

/// What a block must have done with the recording at hand when it ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Task {
    /// Leave it as it is.
    Keep,
    /// Use it up.
    Use,
}

/// Where an instruction stands.
#[derive(Clone)]
struct Place {
    /// The recording at hand.
    open: Option<String>,
    depth: u32,
    in_menu: bool,
    after_silence: bool,
    after_hangup: bool,
}

pub struct Grower<'a> {
    choices: &'a mut Choices,
    text: String,
    flows: Vec<Flow>,
    at: usize,
    names: u32,
    lines: u32,
}

const HEAD: &str = "languages en\nallow local = \"1x{2,4}\"\nhours office = mon-fri 9:00-17:00\n\
    json Found { name: Text?, open: Bool }\nroute \"100x\" as ext -> f0(user(ext))\n";

/// A program.
pub fn grow(choices: &mut Choices) -> String {
    let count = 1 + choices.roll(4);
    let mut flows = vec![Flow { recording: false, result: None }];
    for _ in 0..count {
        let result = match choices.roll(6) {
            0 => Some(Gives::Recording),
            1 => Some(Gives::Bool),
            _ => None,
        };
        flows.push(Flow { recording: choices.percent(50), result });
    }
    let mut grower = Grower { choices, text: HEAD.to_owned(), flows, at: 0, names: 0, lines: 0 };
    for at in 0..grower.flows.len() {
        grower.at = at;
        grower.flow();
    }
    grower.text
}

impl Grower<'_> {
    fn put(&mut self, text: &str) {
        self.lines += 1;
        self.text.push_str(text);
    }

    fn name(&mut self, begin: &str) -> String {
        self.names += 1;
        format!("{begin}{}", self.names)
    }

    /// Once in a while something is done that should not be.
    fn careless(&mut self) -> bool {
        self.choices.percent(2)
    }

    fn flow(&mut self) {
        let Flow { recording, result } = self.flows[self.at];
        let given = if recording { ", r: Recording" } else { "" };
        let gives = match result {
            None => "",
            Some(Gives::Bool) => " -> Bool",
            Some(Gives::Recording) => " -> Recording",
        };
        let head = format!("flow f{}(to: User{given}){gives} {{\n", self.at);
        self.put(&head);
        let mut place = Place {
            open: recording.then(|| "r".to_owned()),
            depth: 0,
            in_menu: false,
            after_silence: false,
            after_hangup: false,
        };
        let task = if recording { Task::Use } else { Task::Keep };
        if result.is_some() {
            // The end gives something back, and what is at hand with it.
            self.some(&mut place);
            self.give_back(&mut place);
        } else {
            self.body(&mut place, task);
        }
        self.put("}\n");
    }

    fn give_back(&mut self, place: &mut Place) {
        match self.flows[self.at].result {
            None => {
                if let Some(open) = place.open.take() {
                    self.used(&open, place);
                }
                self.put("return\n");
            }
            Some(Gives::Bool) => {
                if let Some(open) = place.open.take() {
                    self.used(&open, place);
                }
                self.put("return to.has_greeting\n");
            }
            Some(Gives::Recording) => {
                let open = place.open.take().unwrap_or_else(|| self.record(None));
                self.put(&format!("return {open}\n"));
            }
        }
    }

    /// A few instructions that leave the recording at hand alone.
    fn some(&mut self, place: &mut Place) {
        for _ in 0..self.choices.roll(3) {
            self.instruction(place);
        }
    }

    fn body(&mut self, place: &mut Place, task: Task) {
        let task = match task {
            Task::Keep if self.careless() => Task::Use,
            Task::Use if self.careless() => Task::Keep,
            task => task,
        };
        self.some(place);
        if task == Task::Use
            && let Some(open) = place.open.clone()
        {
            self.used(&open, place);
            place.open = None;
            self.some(place);
        }
    }

    fn block(&mut self, place: &Place, task: Task) {
        let mut inner = Place { depth: place.depth + 1, ..place.clone() };
        self.put("{\n");
        self.body(&mut inner, task);
        if self.choices.percent(12) && (task == Task::Use || inner.open.is_none()) {
            self.ending(&mut inner);
        }
        self.put("}\n");
    }

    /// What comes to no end of its own.
    fn ending(&mut self, place: &mut Place) {
        match self.choices.roll(4) {
            0 => self.give_back(place),
            1 if !place.after_hangup => self.put("again at most 2 then hangup\n"),
            2 if place.in_menu && !place.after_silence && !place.after_hangup => {
                self.put("again\n");
            }
            _ => self.put("hangup\n"),
        }
    }

    /// Uses the recording up, in one of the many ways.
    fn used(&mut self, open: &str, place: &Place) {
        let rest = Place { open: None, ..place.clone() };
        let deep = place.depth > 3 || self.lines > 200;
        match self.choices.roll(if deep { 4 } else { 10 }) {
            0 | 1 => self.put(&format!("discard {open}\n")),
            2 => {
                self.put(&format!("send {open} to to with receipt else "));
                self.short(&rest);
            }
            3 => {
                self.put(&format!("keep {open} as name of to else "));
                self.short(&rest);
            }
            4 => {
                let taking: Vec<usize> =
                    (0..self.flows.len()).filter(|f| self.flows[*f].recording).collect();
                match taking.as_slice() {
                    [] => self.put(&format!("discard {open}\n")),
                    taking => {
                        let flow = *self.choices.one_of(taking);
                        self.call(flow, Some(open), place);
                    }
                }
            }
            5 => {
                let joined = self.record(Some(open));
                self.used(&joined, place);
            }
            6 => {
                self.condition();
                self.block(place, Task::Use);
                self.put("else ");
                self.block(place, Task::Use);
            }
            7 => {
                let presence = self.name("p");
                self.put(&format!("{presence} = presence(to) else {{}}\n"));
                self.put(&format!("match {presence} {{\nonline or away or busy -> "));
                self.block(place, Task::Use);
                let rest = ["other -> ", "on_phone or do_not_disturb or offline -> "];
                let rest = *self.choices.one_of(&rest);
                self.put(rest);
                self.block(place, Task::Use);
                self.put("}\n");
            }
            8 if !place.after_hangup => self.menu(place, Task::Use),
            _ => {
                self.put("match to.has_greeting {\ntrue -> ");
                self.block(place, Task::Use);
                self.put("false -> ");
                self.block(place, Task::Use);
                self.put("}\n");
            }
        }
    }

    fn short(&mut self, place: &Place) {
        match self.choices.roll(4) {
            0 => self.put("say \"Sorry.\"\n"),
            1 => self.put("hangup\n"),
            2 => self.put("{}\n"),
            _ => self.block(place, Task::Keep),
        }
    }

    fn record(&mut self, joins: Option<&str>) -> String {
        let name = self.name("m");
        let hangup = if joins.is_some() || self.choices.percent(70) { "keeps" } else { "discards" };
        let joins = joins.map_or_else(String::new, |earlier| {
            format!(", {} {earlier}", self.choices.one_of(&["after", "before"]))
        });
        self.put(&format!("{name} = record max 9s, stop on #, hangup {hangup}{joins}\n"));
        name
    }

    fn condition(&mut self) {
        let conditions = [
            "to.has_greeting",
            "office.open",
            "caller.name == \"x\"",
            "1 + 1 == 2",
            "now.hour < 9",
        ];
        let condition = *self.choices.one_of(&conditions);
        self.put(&format!("if {condition} "));
    }

    fn call(&mut self, flow: usize, open: Option<&str>, place: &Place) {
        let with = open.map_or_else(String::new, |open| format!(", {open}"));
        let called = format!("f{flow}(to{with})\n");
        let result = self.flows[flow].result;
        match result {
            None => self.put(&called),
            Some(_) if self.careless() => self.put(&called),
            Some(Gives::Bool) => {
                let name = self.name("_b");
                self.put(&format!("{name} = {called}"));
            }
            Some(Gives::Recording) => {
                let name = self.name("m");
                self.put(&format!("{name} = {called}"));
                let deeper = Place { depth: place.depth + 2, ..place.clone() };
                self.used(&name, &deeper);
            }
        }
    }

    /// An instruction that leaves the recording at hand alone.
    fn instruction(&mut self, place: &mut Place) {
        let deep = place.depth > 3 || self.lines > 200;
        let free = place.open.is_none() && !place.after_hangup;
        match self.choices.roll(if deep { 8 } else { 22 }) {
            0 | 1 => self.put("say \"Hello {to.name}.\"\n"),
            2 => {
                let quiet =
                    ["beep", "pause 100ms", "tone 440 for 200ms", "early", "answer", "log \"x\""];
                let quiet = *self.choices.one_of(&quiet);
                self.put(&format!("{quiet}\n"));
            }
            3 => match &place.open {
                Some(open) => {
                    let open = open.clone();
                    self.put(&format!("play {open}\n"));
                }
                None => self.put("play prompt \"x\"\n"),
            },
            4 => self.fails("told to\n", None, place),
            5 => self.fails("notify to \"x\" else ", Some(()), place),
            6 => self.fails("set to.do_not_disturb = true else ", Some(()), place),
            7 if !place.after_hangup => self.fails("connect to for 5s else ", Some(()), place),
            8 => self.fails("ring to -> f0(to) else ", Some(()), place),
            9 => {
                let name = self.name("w");
                self.put(&format!(
                    "{name} = webhook \"https://x.example/\" {{ a: 1 }} as Found else "
                ));
                self.short(place);
                self.put(&format!("if {name}.open "));
                self.block(place, Task::Keep);
            }
            10 => {
                let name = self.name("l");
                self.put(&format!("{name} = messages(to, new) else "));
                self.short(place);
                let item = self.name("i");
                self.put(&format!("for each {item} in {name} {{\nplay {item}\n"));
                let mut inner = Place { depth: place.depth + 1, ..place.clone() };
                self.body(&mut inner, Task::Keep);
                self.put(&format!("save {item} for to else "));
                self.short(&inner);
                self.put("}\n");
            }
            11 => {
                let item = self.name("c");
                self.put(&format!("for each {item} in to.contacts {{\nlog {item}.name\n"));
                let mut inner = Place { depth: place.depth + 1, ..place.clone() };
                self.body(&mut inner, Task::Keep);
                self.put("}\n");
            }
            12 => {
                self.condition();
                self.block(place, Task::Keep);
                if self.choices.percent(60) {
                    self.put("else ");
                    self.block(place, Task::Keep);
                }
            }
            13 => {
                let who = self.name("u");
                self.put(&format!("if caller.user as {who} {{\nlog {who}.name\n"));
                let mut inner = Place { depth: place.depth + 1, ..place.clone() };
                self.body(&mut inner, Task::Keep);
                self.put("}\n");
            }
            14 if free => {
                let name = self.name("_d");
                self.put(&format!("{name} = collect 1 to 3, end on #, silence 2s else "));
                self.short(place);
            }
            15 | 16 if free => {
                let name = self.record(None);
                self.used(&name, place);
            }
            17 | 18 if !place.after_hangup => self.menu(place, Task::Keep),
            19 | 20 => {
                // Down the line mostly, so that few circles come about.
                let from = if self.choices.percent(85) { self.at + 1 } else { 0 };
                let fitting: Vec<usize> =
                    (from..self.flows.len()).filter(|f| !self.flows[*f].recording).collect();
                if !fitting.is_empty() && (free || self.careless()) {
                    let flow = *self.choices.one_of(&fitting);
                    self.call(flow, None, place);
                }
            }
            21 => {
                let number = self.name("n");
                self.put(&format!("if caller.number in local as {number} {{\n"));
                self.fails(&format!("ring {number} via \"t\" -> f0(to) else "), Some(()), place);
                self.put("}\n");
            }
            _ => self.put("log \"y\"\n"),
        }
    }

    fn fails(&mut self, instruction: &str, otherwise: Option<()>, place: &Place) {
        self.put(instruction);
        if otherwise.is_some() {
            self.short(place);
        }
    }

    fn menu(&mut self, place: &Place, task: Task) {
        let inner =
            Place { depth: place.depth + 1, in_menu: true, after_silence: false, ..place.clone() };
        self.put("menu {\nsay \"Press 1.\"\n");
        if self.choices.percent(30) {
            self.put("for each c in to.contacts { log c.name }\n");
        }
        for key in 1..=1 + self.choices.roll(3) {
            self.put(&format!("key {key} -> "));
            match &place.open {
                _ if self.choices.percent(25) => self.put("again\n"),
                Some(open) if self.choices.percent(20) => {
                    let open = open.clone();
                    self.put(&format!("{{ play {open}; again }}\n"));
                }
                _ => self.block(&inner, task),
            }
        }
        if self.choices.percent(30) {
            let causes = ["digits \"10x\" as e -> ", "digits \"7x\" as e -> ", "digits \"9x\" -> "];
            let cause = *self.choices.one_of(&causes);
            self.put(cause);
            let number = if cause.contains("as e") { "e" } else { "caller.number" };
            let fitting: Vec<usize> = (self.at + 1..self.flows.len())
                .filter(|f| {
                    let flow = self.flows[*f];
                    flow.recording == (task == Task::Use && place.open.is_some())
                        && flow.result.is_none()
                })
                .collect();
            match fitting.as_slice() {
                [] => self.put("again\n"),
                fitting => {
                    let flow = *self.choices.one_of(fitting);
                    let with = place.open.as_ref().filter(|_| self.flows[flow].recording);
                    let with = with.map_or_else(String::new, |open| format!(", {open}"));
                    self.put(&format!("f{flow}(user({number}){with})\n"));
                }
            }
        }
        if self.choices.percent(5) && task == Task::Keep {
            // The number of nobody, where no key may have been pressed.
            self.put("digits \"5x\" or ");
        }
        self.put("other -> ");
        if self.choices.percent(50) {
            self.put("again\n");
        } else {
            self.block(&inner, task);
        }
        let quiet = Place { after_silence: true, ..inner.clone() };
        let gone = Place { after_hangup: true, ..quiet.clone() };
        // What is at hand when the caller is gone has to be used then, whatever else is done.
        let at_stake = place.open.is_some();
        if self.choices.percent(40) && (task == Task::Use || !at_stake) {
            let causes = ["silence 2s or hangup -> ", "hangup or silence 2s -> "];
            let cause = *self.choices.one_of(&causes);
            self.put(cause);
            self.block(&gone, Task::Use);
        } else {
            self.put("silence 2s -> ");
            if self.choices.percent(40) {
                self.put("again at most 2 then ");
            }
            self.block(&quiet, task);
            if at_stake || self.choices.percent(30) {
                self.put("hangup -> ");
                self.block(&gone, Task::Use);
            }
        }
        self.put("}\n");
    }
}
