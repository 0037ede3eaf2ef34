//! Web services: what is sent, and what an answer must be.

use serde_json::{Map, Value as Json};

use super::super::effect::Effect;
use super::super::program::{Op, WebhookTable};
use super::super::value::{Type, Value};
use super::{Run, State};
use crate::time::Instant;

/// How long a text of an answer may be, in bytes.
const MAX_TEXT: usize = 1000;
/// How many entries a list of an answer may have.
const MAX_LIST: usize = 100;

impl Run {
    pub(super) fn ask_service(&mut self, now: Instant, webhook: &WebhookTable) {
        let mut body = Map::new();
        for (name, value) in &webhook.fields {
            body.insert(name.clone(), json(&self.eval_at(value, now)));
        }
        let ticket = self.ticket();
        let op = self.pc.saturating_sub(1);
        self.note(|_| format!("ask {}", webhook.url));
        self.emit(Effect::Webhook {
            ticket,
            url: webhook.url.clone(),
            body: Json::Object(body).to_string(),
            within: webhook.within,
        });
        self.state = State::Awaiting { ticket, op };
    }

    pub(super) fn service_answered(&mut self, now: Instant, op: u32, body: Option<&str>) {
        let program = std::sync::Arc::clone(&self.program);
        let Some(Op::Webhook(webhook)) = program.ops.get(op as usize) else { return };
        self.state = State::Running;
        let document = program.documents.get(usize::from(webhook.document));
        let read = body.zip(document).and_then(|(body, document)| {
            let Json::Object(mut object) = serde_json::from_str(body).ok()? else { return None };
            document
                .fields
                .iter()
                .map(|(name, kind)| value(object.remove(name).unwrap_or(Json::Null), *kind))
                .collect::<Option<Vec<Value>>>()
        });
        match read {
            Some(fields) => {
                self.note_at(op, || "the service answered".into());
                self.set(webhook.slot, Value::Document(fields.into()));
            }
            None => {
                let what = if body.is_some() { "something else" } else { "nothing" };
                self.note_at(op, || format!("the service answered {what}"));
                self.jump(webhook.failed);
            }
        }
        self.go(now);
    }
}

fn json(value: &Value) -> Json {
    match value {
        Value::Text(text) | Value::Digits(text) => Json::from(&**text),
        Value::Number(number) => Json::from(*number),
        Value::Bool(yes) => Json::from(*yes),
        Value::Duration(length) => Json::from(length.as_secs_f64()),
        Value::Time(time) => Json::from(time.0),
        Value::Nothing
        | Value::User(_)
        | Value::Caller
        | Value::Site
        | Value::Message(_)
        | Value::Recording(_)
        | Value::Presence(_)
        | Value::Device(_)
        | Value::Hours(_)
        | Value::Document(_)
        | Value::List(_) => Json::Null,
    }
}

/// A value of the type that the dialplan declares, or none if the service answered another.
fn value(json: Json, kind: Type) -> Option<Value> {
    match (kind, json) {
        (Type::Text, Json::String(text)) if text.len() <= MAX_TEXT => {
            Some(Value::Text(text.into()))
        }
        (Type::Number, Json::Number(number)) => number.as_i64().map(Value::Number),
        (Type::Bool, Json::Bool(yes)) => Some(Value::Bool(yes)),
        (Type::Digits, Json::String(digits))
            if digits.len() <= 64 && digits.bytes().all(|b| b.is_ascii_digit()) =>
        {
            Some(Value::Digits(digits.into()))
        }
        (Type::Maybe(_), Json::Null) => Some(Value::Nothing),
        (Type::Maybe(item), json) => value(json, item.one()),
        (Type::List(item), Json::Array(list)) if list.len() <= MAX_LIST => {
            let list: Option<Vec<Value>> =
                list.into_iter().map(|json| value(json, item.one())).collect();
            Some(Value::List(list?.into()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialplan::value::Item;

    #[test]
    fn only_what_was_declared_is_taken() {
        assert_eq!(value(Json::from("x"), Type::Text), Some(Value::from("x")));
        assert_eq!(value(Json::from(1), Type::Text), None, "nothing is converted by itself");
        assert_eq!(value(Json::from(1.5), Type::Number), None);
        assert_eq!(value(Json::Null, Type::Maybe(Item::Text)), Some(Value::Nothing));
        assert_eq!(value(Json::Null, Type::Text), None);
        assert_eq!(value(Json::from("12a"), Type::Digits), None);
        let list = value(serde_json::json!(["a", "b"]), Type::List(Item::Text));
        assert!(matches!(list, Some(Value::List(list)) if list.len() == 2));
        assert_eq!(value(Json::from("x".repeat(2000)), Type::Text), None);
    }
}
