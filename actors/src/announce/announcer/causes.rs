//! Why announcements begin by themselves: schedules and rules.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use hark_engine::announce::scheduler;
use hark_engine::announce::watch::{self, Fire};
use hark_engine::calendar::Recurrence;
use hark_engine::time::UnixMillis;

use super::super::AnnounceError;
use super::super::request::Request;
use super::super::watching::RuleSpec;
use super::{AnnouncerState, MOST_UNHEARD, TRUNKS};
use crate::clock;
use crate::store::{EventRuleRecord, ScheduleRecord, StoreError};

impl AnnouncerState {
    pub(super) async fn read_schedules(&mut self) -> Result<(), StoreError> {
        let stored = self.services.store.schedules(None).await?;
        let enabled: HashMap<i64, ScheduleRecord> =
            stored.into_iter().filter(|s| s.enabled).map(|s| (s.id, s)).collect();
        for id in self.schedules.keys().filter(|id| !enabled.contains_key(id)) {
            self.scheduler.handle_input(scheduler::Input::Remove(*id));
        }
        for (id, schedule) in &enabled {
            let zone = self.services.announcements.zone();
            match Recurrence::parse(&schedule.recurrence, zone) {
                Ok(recurrence) => self.scheduler.handle_input(scheduler::Input::Set {
                    id: *id,
                    recurrence: Box::new(recurrence),
                    done: schedule.done,
                    grace: Duration::from_secs(schedule.grace_secs.into()),
                }),
                Err(error) => tracing::error!(%error, id, "a stored schedule can't be read"),
            }
        }
        self.schedules = enabled;
        Ok(())
    }

    pub(super) async fn read_rules(&mut self) -> Result<(), StoreError> {
        let stored = self.services.store.event_rules(None).await?;
        let mut rules = HashMap::new();
        for EventRuleRecord { id, owner, spec, enabled, .. } in stored {
            match serde_json::from_str::<RuleSpec>(&spec) {
                Ok(spec) if enabled => {
                    rules.insert(id, (owner, spec));
                }
                Ok(_) => {}
                Err(error) => tracing::error!(%error, id, "a stored rule can't be read"),
            }
        }
        let now = clock::now();
        for id in self.rules.keys().filter(|id| !rules.contains_key(id)) {
            self.watch.handle_input(now, watch::Input::Remove(*id));
        }
        for (id, (owner, spec)) in &rules {
            // A rule sees what its owner may see.
            let about = (!self.services.announcements.is_manager(*owner)).then_some(*owner);
            self.watch.handle_input(now, watch::Input::Set(*id, spec.rule(about)));
        }
        let wanted: HashSet<_> = rules.values().map(|(_, spec)| spec.condition).collect();
        // A new rule learns what waits already.
        let new_rule = rules.iter().any(|(id, rule)| self.rules.get(id) != Some(rule));
        self.rules = rules;
        if self.lasting.want(wanted) || new_rule {
            for waiting in self.services.store.unheard(MOST_UNHEARD).await? {
                if let Some(input) = self.lasting.waits(waiting) {
                    self.watch.handle_input(now, input);
                }
            }
        }
        if self.lasting.wants_trunks() && self.trunks_at.is_none() {
            // What was counted before the rule was made is not its affair.
            self.lasting.refusing_trunks(&self.services.registry);
            self.trunks_at = Some(tokio::time::Instant::now() + TRUNKS);
        }
        Ok(())
    }

    pub(super) async fn scheduled(&mut self, output: scheduler::Output) -> Result<(), StoreError> {
        let store = self.services.store.clone();
        match output {
            scheduler::Output::Skipped { id, first, last, count } => {
                tracing::warn!(schedule = id, count, "occurrences were missed and are skipped");
                self.count("skipped");
                let note = format!(
                    "{count} missed, the first of them at {}",
                    crate::recording::date::rfc3339(first)
                );
                store.skip_occurrences(id, last, count, note).await
            }
            scheduler::Output::Fire { id, at } => {
                let Some(schedule) = self.schedules.get(&id).cloned() else { return Ok(()) };
                let key = format!("schedule:{id}:{}", at.0);
                let prepared = match serde_json::from_str::<Request>(&schedule.request) {
                    Ok(request) => {
                        let announcements = &self.services.announcements;
                        announcements.prepare(schedule.owner, &key, &request).await
                    }
                    Err(error) => Err(AnnounceError::Refused(error.to_string())),
                };
                match prepared {
                    Ok(new) => {
                        store.fire_schedule(id, at, Some(new), None).await?;
                        self.services.announcements.shared.changed.notify_one();
                        Ok(())
                    }
                    Err(AnnounceError::Store(error)) if error.is_outage() => {
                        // The scheduler holds it for done; the store does not, and is read again.
                        Err(error)
                    }
                    Err(error) => {
                        tracing::warn!(schedule = id, %error, "an occurrence can't be announced");
                        self.count("refused");
                        store.fire_schedule(id, at, None, Some(error.to_string())).await?;
                        Ok(())
                    }
                }
            }
        }
    }

    pub(super) async fn fired(&mut self, fire: Fire, at: UnixMillis) -> Result<(), StoreError> {
        let Some((owner, spec)) = self.rules.get(&fire.rule).cloned() else { return Ok(()) };
        let directory = self.services.directory.borrow().clone();
        let since = self.lasting.since(spec.condition, &fire.subject);
        let (key, request) = spec.request(fire.rule, owner, &fire.subject, since, &directory);
        let note = match self.services.announcements.submit(owner, &key, &request).await {
            Ok(_) => None,
            Err(AnnounceError::Store(error)) if error.is_outage() => return Err(error),
            Err(error) => {
                tracing::warn!(rule = fire.rule, %error, "a rule can't tell what it saw");
                self.count("refused");
                Some(error.to_string())
            }
        };
        self.services.store.rule_fired(fire.rule, at, note).await
    }
}
