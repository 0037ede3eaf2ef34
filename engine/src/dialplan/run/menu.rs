//! Menus: which answer the keys pressed so far mean.

use std::time::Duration;

use super::super::effect::Finish;
use super::super::value::Value;
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
            keys.push(key, usize::MAX);
            let pressed: Vec<Key> = keys.iter().collect();
            let longer = table
                .choices
                .iter()
                .any(|(pattern, ..)| pattern.len() > pressed.len() && pattern.begins(&pressed));
            if !longer {
                self.wait_is_over(menu, keys);
                return;
            }
        }
        let after = if keys.is_empty() { table.silence } else { BETWEEN_KEYS };
        self.state = State::Waiting { menu, deadline: now + after, keys };
    }

    /// No further key is to be had: goes to the answer that these mean.
    pub(super) fn wait_is_over(&mut self, menu: u32, keys: Keys) {
        self.state = State::Running;
        let program = std::sync::Arc::clone(&self.program);
        let Some(table) = program.menus.get(menu as usize) else { return };
        if keys.is_empty() {
            self.jump(table.on_silence);
            return;
        }
        let pressed: Vec<Key> = keys.iter().collect();
        match table.choices.iter().find(|(pattern, ..)| pattern.matches(&pressed)) {
            Some((_, slot, label)) => {
                if let Some(slot) = slot {
                    let digits: String = pressed.iter().map(|k| k.as_char()).collect();
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
}
