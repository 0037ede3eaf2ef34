//! Menus: which answer the keys pressed so far mean.

use std::time::Duration;

use super::super::effect::Finish;
use super::super::program::{CollectTable, Op};
use super::super::value::Value;
use super::trace::written;
use super::{FUEL, Keys, Run, State};
use crate::key::Key;
use crate::time::Instant;

/// How long to wait for the next key of a number that has begun, or for a longer number when
/// the keys pressed are one already.
pub const BETWEEN_KEYS: Duration = Duration::from_secs(3);

impl Run {
    pub(super) fn wait(&mut self, now: Instant, menu: u32) {
        if self.gone {
            self.leave_menu(menu);
            return;
        }
        self.pick_up();
        self.fuel = FUEL;
        self.feed_menu(now, menu, Keys::default());
    }

    /// Takes the keys typed so far; goes to the answer that they mean, or waits for more.
    pub(super) fn feed_menu(&mut self, now: Instant, menu: u32, mut keys: Keys) {
        let program = std::sync::Arc::clone(&self.program);
        let Some(table) = program.menus.get(menu as usize) else { return };
        while let Some(key) = self.typed.take_first() {
            if !keys.is_empty() && table.end_on.contains(key) {
                self.wait_is_over(menu, keys);
                return;
            }
            keys.push(key, usize::MAX);
            let pressed: Vec<Key> = keys.iter().collect();
            if !table.choices.iter().any(|(pattern, ..)| pattern.goes_on(&pressed)) {
                self.wait_is_over(menu, keys);
                return;
            }
        }
        let after = if keys.is_empty() { table.silence } else { table.between };
        self.state = State::Waiting { menu, deadline: now + after, keys };
    }

    /// No further key is to be had: goes to the answer that these mean.
    pub(super) fn wait_is_over(&mut self, menu: u32, keys: Keys) {
        self.state = State::Running;
        let program = std::sync::Arc::clone(&self.program);
        let Some(table) = program.menus.get(menu as usize) else { return };
        self.note(|_| match keys.is_empty() {
            true => "silence".into(),
            false => format!("keys {}", written(&keys, false)),
        });
        if keys.is_empty() {
            self.jump(table.on_silence);
            return;
        }
        let pressed: Vec<Key> = keys.iter().collect();
        match table.choices.iter().find(|(pattern, ..)| pattern.matches(&pressed)) {
            Some((pattern, slot, label)) => {
                if let Some(slot) = slot {
                    let digits: String =
                        pattern.captured(&pressed).iter().map(|k| k.as_char()).collect();
                    self.set(*slot, Value::Digits(digits.into()));
                }
                self.jump(*label);
            }
            None => {
                self.typed = Keys::default();
                self.jump(table.on_other);
            }
        }
    }

    /// The caller is gone: the menu's hang-up answer, or the end.
    pub(super) fn leave_menu(&mut self, menu: u32) {
        match self.program.menus.get(menu as usize).and_then(|table| table.on_hangup) {
            Some(label) => self.jump(label),
            None => self.finish(Finish::CallerGone),
        }
    }

    pub(super) fn collect(&mut self, now: Instant, _collect: &CollectTable) {
        if self.gone {
            self.finish(Finish::CallerGone);
            return;
        }
        self.pick_up();
        self.fuel = FUEL;
        self.feed_collect(now, self.pc.saturating_sub(1), Keys::default());
    }

    /// Takes the keys typed so far; goes on if they are enough, or waits for more.
    pub(super) fn feed_collect(&mut self, now: Instant, op: u32, mut keys: Keys) {
        let program = std::sync::Arc::clone(&self.program);
        let Some(Op::Collect(collect)) = program.ops.get(op as usize) else { return };
        while let Some(key) = self.typed.take_first() {
            let is_digit = key.as_char().is_ascii_digit();
            if collect.end_on.contains(key) || !is_digit {
                // What is neither a digit nor an end spoils the number.
                let keys = if collect.end_on.contains(key) { keys } else { Keys::default() };
                self.collected(op, keys);
                return;
            }
            keys.push(key, usize::MAX);
            if keys.iter().count() >= usize::from(collect.most) {
                self.collected(op, keys);
                return;
            }
        }
        let after = if keys.is_empty() { collect.silence } else { collect.between };
        self.state = State::Collecting { op, deadline: now + after, keys };
    }

    /// No further key is to be had.
    pub(super) fn collected(&mut self, op: u32, keys: Keys) {
        self.state = State::Running;
        let program = std::sync::Arc::clone(&self.program);
        let Some(Op::Collect(collect)) = program.ops.get(op as usize) else { return };
        self.note_at(op, || match keys.is_empty() {
            true => "nothing was typed".into(),
            false => format!("typed {}", written(&keys, collect.secret)),
        });
        if keys.iter().count() >= usize::from(collect.fewest) {
            let digits: String = keys.iter().map(|k| k.as_char()).collect();
            self.set(collect.slot, Value::Digits(digits.into()));
        } else {
            self.set(collect.slot, Value::Digits("".into()));
            self.jump(collect.failed);
        }
    }
}
