//! From a request to a plan: everything is looked up and judged before it is accepted.

use std::collections::BTreeMap;

use hark_engine::announce::template;
use hark_engine::directory::Directory;
use hark_engine::id::UserId;
use hark_engine::time::UnixMillis;

use super::recipients::resolve;
use super::request::{Content, Plan, PlannedStep, Request};
use super::{AnnounceError, Announcements};
use crate::clock;

/// The most steps after the first.
const MOST_STEPS: usize = 20;
/// The most languages of one text.
const MOST_LANGUAGES: usize = 20;
/// The most values.
const MOST_VALUES: usize = 100;
/// The longest name of a template, a prompt, a schedule or a rule, in characters.
pub const LONGEST_NAME: usize = 64;

fn refused<T>(what: impl Into<String>) -> Result<T, AnnounceError> {
    Err(AnnounceError::Refused(what.into()))
}

impl Announcements {
    /// The plan of a request, as things are now.
    pub(super) async fn plan(
        &self,
        owner: UserId,
        request: &Request,
    ) -> Result<Plan, AnnounceError> {
        check(request)?;
        let content = self.content(owner, request).await?;
        let content = filled(content, &request.values)?;
        let shared = &self.shared;
        let confirm = request.confirm || !request.escalation.is_empty();
        let lists = std::iter::once((&request.recipients, request.wait_seconds))
            .chain(request.escalation.iter().map(|step| (&step.recipients, step.wait_seconds)));
        let mut steps = Vec::new();
        for (names, wait_seconds) in lists {
            let people = resolve(&shared.store, &shared.outside, owner, names).await?;
            let directory = shared.outside.users.directory();
            steps.push(step(&directory, people, wait_seconds, request.urgent));
        }
        if steps.iter().all(|step| step.recipients.is_empty()) {
            return refused("the mailboxes of all recipients are full");
        }
        let (not_before, not_after) = (request.not_before, request.not_after);
        Ok(Plan { content, urgent: request.urgent, confirm, steps, not_before, not_after })
    }

    async fn content(&self, owner: UserId, request: &Request) -> Result<Content, AnnounceError> {
        let store = &self.shared.store;
        let content = match (&request.template, &request.content) {
            (Some(name), None) => {
                let found = store.template(owner, name).await?;
                let Some(found) = found else {
                    let name: String = name.chars().take(LONGEST_NAME).collect();
                    return refused(format!("there is no template '{name}': make it first"));
                };
                serde_json::from_str(&found.body)
                    .map_err(|error| AnnounceError::Refused(format!("the template: {error}")))?
            }
            (None, Some(content)) => content.clone(),
            (None, None) | (Some(_), Some(_)) => {
                return refused("say what is announced: either a template or a content");
            }
        };
        check_content(&content)?;
        if let Content::Recording(message) = &content {
            let mine = store.inbox_entry(owner, *message).await?.map(|entry| entry.message);
            let mine = match mine {
                Some(message) => Some(message),
                None => {
                    let sent = store.message(*message).await?;
                    sent.filter(|message| message.sender.user == Some(owner))
                }
            };
            match mine {
                None => return refused("the recording is no message of yours"),
                Some(message) if message.private && message.sender.user != Some(owner) => {
                    return refused("the recording is private: it may not be passed on");
                }
                Some(_) => {}
            }
        }
        Ok(content)
    }
}

/// The text with its values, in every language.
fn filled(content: Content, values: &BTreeMap<String, String>) -> Result<Content, AnnounceError> {
    match content {
        Content::Text(texts) => {
            let mut all = BTreeMap::new();
            for (language, text) in texts {
                all.insert(language, template::fill(&text, values)?);
            }
            Ok(Content::Text(all))
        }
        content @ (Content::Prompt(_) | Content::Recording(_)) => Ok(content),
    }
}

/// What is wrong with a content, if anything.
///
/// # Errors
/// [`AnnounceError::Refused`], [`AnnounceError::Template`]
pub fn check_content(content: &Content) -> Result<(), AnnounceError> {
    match content {
        Content::Text(texts) => {
            if texts.is_empty() || texts.len() > MOST_LANGUAGES {
                return refused(format!("a text has 1 to {MOST_LANGUAGES} languages"));
            }
            for (language, text) in texts {
                let is_tag = (1..=16).contains(&language.len())
                    && language.starts_with(|c: char| c.is_ascii_alphabetic())
                    && language.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
                if !is_tag {
                    return refused("a language is a BCP 47 tag such as en or de-AT");
                }
                if text.trim().is_empty() {
                    return refused("a text has at least one word");
                }
                template::names(text)?;
            }
            Ok(())
        }
        Content::Prompt(name) => {
            let is_name = (1..=LONGEST_NAME).contains(&name.len())
                && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
            if is_name { Ok(()) } else { refused("a prompt's name has letters, digits, - and _") }
        }
        Content::Recording(_) => Ok(()),
    }
}

fn check(request: &Request) -> Result<(), AnnounceError> {
    if request.escalation.len() > MOST_STEPS {
        return refused(format!("an escalation has at most {MOST_STEPS} steps"));
    }
    let waits = request.escalation.iter().map(|step| step.wait_seconds);
    if waits.chain([request.wait_seconds]).any(|wait| !(1..=86_400).contains(&wait)) {
        return refused("wait_seconds: allowed are 1 to 86400");
    }
    if request.values.len() > MOST_VALUES {
        return refused(format!("at most {MOST_VALUES} values"));
    }
    if let Some(dedup) = &request.dedup {
        if dedup.key.is_empty() || dedup.key.chars().count() > super::LONGEST_KEY {
            return refused("dedup.key has 1 to 200 characters");
        }
        if !(1..=2_592_000).contains(&dedup.window_seconds) {
            return refused("dedup.window_seconds: allowed are 1 to 2592000");
        }
    }
    let now: UnixMillis = clock::wall();
    let year = UnixMillis(now.0.saturating_add(366 * 86_400_000));
    if request.not_before.is_some_and(|at| at > year) {
        return refused("not_before lies more than a year ahead: make a schedule");
    }
    if request.not_after.is_some_and(|end| end <= request.not_before.unwrap_or(now)) {
        return refused("not_after lies before anybody could be told");
    }
    Ok(())
}

/// Whose mailbox is full is not told, unless it is urgent.
fn step(
    directory: &Directory,
    people: Vec<UserId>,
    wait_seconds: u32,
    urgent: bool,
) -> PlannedStep {
    let is_full =
        |user: &UserId| !urgent && directory.user(*user).is_some_and(|user| user.mailbox_full);
    let (full, recipients) = people.into_iter().partition(is_full);
    PlannedStep { recipients, full, wait_seconds }
}
