//! What can't work in a profile, said so that whoever wrote it can mend it.

use super::address::Address;
use super::condition::Who;
use super::profile::{Act, Device, DeviceKind, Profile, Ring, Rule};
use crate::calendar::Zone;

/// The most devices, rules, groups, acts of a rule, and hours of one condition.
pub const MOST: usize = 32;
/// The most members of a group.
const MOST_MEMBERS: usize = 200;
/// The longest name, in characters.
const LONGEST_NAME: usize = 32;
/// The longest address or URL, in octets.
const LONGEST_ADDRESS: usize = 500;
/// A week, in seconds.
const WEEK: u32 = 604_800;

/// What a profile is checked against.
pub struct Known<'a> {
    /// Whether there is a user of this sign-in name.
    pub is_user: &'a dyn Fn(&str) -> bool,
    /// Whether there is a trunk of this name.
    pub is_trunk: &'a dyn Fn(&str) -> bool,
}

/// Everything that is wrong with a profile, in its order; empty if it can be followed.
pub fn check(profile: &Profile, known: &Known<'_>) -> Vec<String> {
    let mut wrong = Vec::new();
    let sizes = [
        (profile.devices.len(), "devices"),
        (profile.rules.len(), "rules"),
        (profile.groups.len(), "groups"),
    ];
    for (size, what) in sizes {
        if size > MOST {
            wrong.push(format!("there are {size} {what}: at most {MOST} are taken"));
        }
    }
    if !wrong.is_empty() {
        return wrong;
    }
    devices(profile, known, &mut wrong);
    groups(profile, &mut wrong);
    if let Err(error) = Zone::parse(&profile.zone) {
        wrong.push(error.to_string());
    }
    if !(1..=60).contains(&profile.calls_per_hour) {
        let calls = profile.calls_per_hour;
        wrong.push(format!("calls_per_hour = {calls}: allowed are 1 to 60"));
    }
    if let Some(quiet) = &profile.quiet_hours
        && (quiet.hours.is_empty() || quiet.hours.len() > MOST)
    {
        wrong.push(format!(
            "quiet hours need 1 to {MOST} times such as 22:00-6:00; leave them out for none"
        ));
    }
    for (n, rule) in profile.rules.iter().enumerate() {
        let mut said = Vec::new();
        condition(profile, rule, &mut said);
        if rule.acts.is_empty() || rule.acts.len() > MOST {
            said.push(format!("say 1 to {MOST} things to do"));
        }
        for act in &rule.acts {
            self::act(profile, known, act, &mut said);
        }
        wrong.extend(said.into_iter().map(|said| format!("rule {}: {said}", n + 1)));
    }
    wrong
}

fn is_named(name: &str) -> bool {
    (1..=LONGEST_NAME).contains(&name.chars().count()) && !name.chars().any(char::is_control)
}

fn devices(profile: &Profile, known: &Known<'_>, wrong: &mut Vec<String>) {
    let mut names = Vec::new();
    for Device { name, kind, .. } in &profile.devices {
        if !is_named(name) || name.contains('"') {
            let shown: String = name.chars().take(LONGEST_NAME).collect();
            wrong.push(format!(
                "the device name '{shown}' must have 1 to {LONGEST_NAME} characters, and no quotes"
            ));
        }
        if names.contains(&name) {
            wrong.push(format!("two devices are called '{name}': rename one"));
        }
        names.push(name);
        let text = match kind {
            DeviceKind::SipAddress { uri } | DeviceKind::SipMessage { uri: Some(uri) } => uri,
            DeviceKind::Number { number, .. } => number,
            DeviceKind::Email { address, .. } => address,
            DeviceKind::Webhook { url } => url,
            DeviceKind::RegisteredPhone
            | DeviceKind::Browser
            | DeviceKind::SipMessage { uri: None }
            | DeviceKind::WebPush => continue,
        };
        let shown: String = text.chars().take(64).collect();
        let should = match kind {
            DeviceKind::SipAddress { .. } | DeviceKind::SipMessage { .. } => "sip:bob@192.0.2.7",
            DeviceKind::Number { .. } => "+493012345",
            DeviceKind::Email { .. } => "bob@example.org",
            DeviceKind::RegisteredPhone
            | DeviceKind::Browser
            | DeviceKind::WebPush
            | DeviceKind::Webhook { .. } => "https://example.org/hook",
        };
        let fits = match kind {
            DeviceKind::Webhook { url } => is_url(url),
            DeviceKind::RegisteredPhone
            | DeviceKind::SipAddress { .. }
            | DeviceKind::Number { .. }
            | DeviceKind::Browser
            | DeviceKind::SipMessage { .. }
            | DeviceKind::Email { .. }
            | DeviceKind::WebPush => kind.address().is_some(),
        };
        if !fits || text.len() > LONGEST_ADDRESS {
            wrong.push(format!("device '{name}': '{shown}' should look like {should}"));
        }
        if let DeviceKind::Number { trunk: Some(trunk), .. } = kind
            && !(known.is_trunk)(trunk)
        {
            wrong.push(format!(
                "device '{name}': there is no trunk '{trunk}': leave it out for the first one"
            ));
        }
    }
}

fn is_url(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '<' | '>' | '"' | '\\');
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/')) && url.chars().all(plain)
}

fn groups(profile: &Profile, wrong: &mut Vec<String>) {
    let mut names = Vec::new();
    for group in &profile.groups {
        let name = &group.name;
        let plain = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
        if !is_named(name) || !name.chars().all(plain) {
            wrong.push(format!(
                "the group name '{name}' must have 1 to {LONGEST_NAME} letters, digits, - and _"
            ));
        }
        if names.contains(&name) {
            wrong.push(format!("two groups are called '{name}': rename one"));
        }
        names.push(name);
        let fits = |member: &String| !member.is_empty() && member.len() <= LONGEST_ADDRESS;
        if group.members.is_empty()
            || group.members.len() > MOST_MEMBERS
            || !group.members.iter().all(fits)
        {
            wrong.push(format!("group '{name}': name 1 to {MOST_MEMBERS} members"));
        }
    }
}

fn condition(profile: &Profile, rule: &Rule, said: &mut Vec<String>) {
    let when = &rule.when;
    if when.hours.len() > MOST || when.from.len() > MOST || when.presence.len() > MOST {
        said.push(format!("a condition names at most {MOST} things"));
    }
    for who in &when.from {
        match who {
            Who::Group(name) if !profile.groups.iter().any(|group| group.name == *name) => {
                said.push(format!("there is no group '@{name}': add it, or name the senders"));
            }
            Who::Named(name) if name.is_empty() || name.len() > LONGEST_ADDRESS => {
                said.push("a sender is named by a sign-in name, a number or an address".into());
            }
            Who::Contacts | Who::Outsiders | Who::Group(_) | Who::Named(_) => {}
        }
    }
    if let Some(secs) = when.unheard_secs
        && !(1..=WEEK).contains(&secs)
    {
        said.push(format!("unheard for {secs} s: allowed are 1 s to 7 days"));
    }
}

fn act(profile: &Profile, known: &Known<'_>, act: &Act, said: &mut Vec<String>) {
    match act {
        Act::PopUp | Act::Stop => {}
        Act::Ring(ring) => self::ring(profile, ring, said),
        Act::Notify { device } => {
            let is_told = |name: &str| profile.device(name).is_some_and(|d| d.kind.is_told());
            if device.is_empty() || device.len() > MOST {
                said.push("name a device to tell".into());
            }
            for name in device.iter().filter(|name| !is_told(name)) {
                said.push(format!(
                    "'{name}' is no e-mail address, push, SIP message or webhook of this profile"
                ));
            }
        }
        Act::Wait { secs } if !(1..=WEEK).contains(secs) => {
            said.push(format!("wait {secs} s: allowed are 1 s to 7 days"));
        }
        Act::Wait { .. } => {}
        Act::Escalate { to } => {
            if !(known.is_user)(to) {
                said.push(format!("there is no user '{to}' to escalate to: give a sign-in name"));
            }
        }
        Act::All(acts) => {
            let rings = acts.iter().filter(|act| matches!(act, Act::Ring(_))).count();
            if rings > 1 {
                said.push(
                    "one ring at a time: name all its telephones in it, ring desk and mobile"
                        .into(),
                );
            }
            if acts.is_empty() || acts.len() > MOST {
                said.push(format!("say 1 to {MOST} things to do at once"));
            }
            for one in acts {
                match one {
                    Act::All(_) => said.push("write what is done at once in one list".into()),
                    Act::Stop => said.push("stop comes last, by itself".into()),
                    Act::PopUp
                    | Act::Ring(_)
                    | Act::Notify { .. }
                    | Act::Wait { .. }
                    | Act::Escalate { .. } => self::act(profile, known, one, said),
                }
            }
        }
    }
}

fn ring(profile: &Profile, ring: &Ring, said: &mut Vec<String>) {
    if ring.device.is_empty() || ring.device.len() > 8 {
        said.push("name 1 to 8 telephones to ring".into());
    }
    for name in &ring.device {
        match profile.device(name) {
            None => said.push(format!("rings '{name}', which is no device of this profile")),
            Some(device) if !device.kind.rings() => {
                said.push(format!("'{name}' can't ring: choose a telephone"));
            }
            Some(_) => {}
        }
    }
    if !(1..=10).contains(&ring.attempts) {
        said.push(format!("attempts = {}: allowed are 1 to 10", ring.attempts));
    }
    if !(1..=86_400).contains(&ring.retry_secs) || !(5..=120).contains(&ring.ring_secs) {
        said.push("allowed are 1 to 86400 s between tries and 5 to 120 s of ringing".into());
    }
}

/// Whether an address may be a device or a recipient: a sentence if not.
///
/// # Errors
/// It is none.
pub fn address(text: &str) -> Result<Address, String> {
    Address::parse(text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(json: &str) -> String {
        let profile: Profile = serde_json::from_str(json).unwrap();
        let known = Known { is_user: &|name| name == "carol", is_trunk: &|name| name == "out" };
        check(&profile, &known).join("\n")
    }

    #[test]
    fn the_default_profile_passes() {
        let known = Known { is_user: &|_| false, is_trunk: &|_| false };
        assert_eq!(check(&Profile::default(), &known), [""; 0]);
    }

    #[test]
    fn what_cannot_work_is_named() {
        let phone = r#""devices":[{"name":"desk","kind":"registered-phone"},{"name":"work","kind":"email","address":"b@x.org"}]"#;
        let rule = |act: &str| wrong(&format!(r#"{{{phone},"rules":[{{"do":{act}}}]}}"#));
        assert_eq!(rule(r#"{"ring":{"device":"desk"}}"#), "");
        for (act, said) in [
            (
                r#"{"ring":{"device":"moon"}}"#,
                "rule 1: rings 'moon', which is no device of this profile",
            ),
            (r#"{"ring":{"device":"work"}}"#, "rule 1: 'work' can't ring: choose a telephone"),
            (
                r#"{"ring":{"device":"desk","attempts":0}}"#,
                "rule 1: attempts = 0: allowed are 1 to 10",
            ),
            (
                r#"{"ring":{"device":"desk","ring_secs":3}}"#,
                "rule 1: allowed are 1 to 86400 s between tries and 5 to 120 s of ringing",
            ),
            (
                r#"{"notify":{"device":"desk"}}"#,
                "rule 1: 'desk' is no e-mail address, push, SIP message or webhook of this profile",
            ),
            (
                r#"{"escalate":{"to":"mallory"}}"#,
                "rule 1: there is no user 'mallory' to escalate to: give a sign-in name",
            ),
            (r#"{"wait":{"secs":0}}"#, "rule 1: wait 0 s: allowed are 1 s to 7 days"),
            (r#"[]"#, "rule 1: say 1 to 32 things to do"),
            (
                r#"{"all":[{"ring":{"device":"desk"}},{"ring":{"device":"desk"}}]}"#,
                "rule 1: one ring at a time: name all its telephones in it, ring desk and mobile",
            ),
            (r#"{"all":["stop"]}"#, "rule 1: stop comes last, by itself"),
        ] {
            assert_eq!(rule(act), said);
        }
        assert_eq!(rule(r#"[{"escalate":{"to":"carol"}},{"wait":{"secs":9}}]"#), "");
        let device = |device: &str| wrong(&format!(r#"{{"devices":[{device}]}}"#));
        assert_eq!(
            device(r#"{"name":"m","kind":"sip-address","uri":"sip:bob@192.0.2.7:5062"}"#),
            ""
        );
        assert_eq!(
            device(r#"{"name":"m","kind":"number","number":"+49 30 12345","trunk":"out"}"#),
            ""
        );
        for (kind, said) in [
            (r#""kind":"sip-address","uri":"tel:+1900""#, "sip:bob@"),
            (r#""kind":"sip-address","uri":"sip:a b@c""#, "sip:bob@"),
            (r#""kind":"number","number":"bob""#, "+493012345"),
            (r#""kind":"number","number":"+4930","trunk":"moon""#, "no trunk 'moon'"),
            (r#""kind":"email","address":"bob""#, "bob@example.org"),
            (r#""kind":"webhook","url":"ftp://x""#, "https://example.org/hook"),
        ] {
            assert!(device(&format!(r#"{{"name":"m",{kind}}}"#)).contains(said), "{kind}");
        }
        assert!(
            device(r#"{"name":"a","kind":"browser"},{"name":"a","kind":"browser"}"#)
                .contains("two devices")
        );
        assert!(wrong(r#"{"zone":"Berlin"}"#).contains("Europe/Berlin"));
        assert!(wrong(r#"{"calls_per_hour":0}"#).contains("1 to 60"));
        assert!(wrong(r#"{"quiet_hours":{"hours":[]}}"#).contains("22:00-6:00"));
        assert!(
            wrong(r#"{"rules":[{"when":{"from":["@x"]},"do":"stop"}]}"#).contains("no group '@x'")
        );
    }
}
