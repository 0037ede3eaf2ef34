use super::*;
use hark_engine::id::MessageId;
use hark_engine::message::{Sender, Step};

fn summary(name: &str) -> MessageSummary {
    MessageSummary {
        id: MessageId::new(UnixMillis(0), [0; 10]),
        sender: Sender { user: None, name: name.into(), address: String::new() },
        at: UnixMillis(0),
        length_ms: 61_500,
        urgent: true,
        private: false,
        reply_to: None,
        step: Step::Accepted,
    }
}

#[test]
fn the_secret_is_in_the_text_and_not_in_the_subject() {
    let link = "https://hark.example/m/TOKEN";
    for language in [Language::English, Language::German] {
        let letter = message(language, "Bob", &summary("Alice"), link, &Recording::TooLarge);
        assert!(letter.subject.ends_with(" Alice") && !letter.subject.contains("TOKEN"));
        assert!(letter.plain.contains(link) && letter.html.contains(link));
        assert!(letter.plain.contains("1:02"));
        let letter = code(language, "123456");
        assert!(!letter.subject.contains("123456") && letter.plain.contains("123456"));
    }
    assert_eq!(Language::of("de-AT"), Language::German);
    assert_eq!(Language::of("fr"), Language::English);
}

#[test]
fn markup_in_a_name_is_shown_and_not_run() {
    let letter = message(
        Language::English,
        "<b>Bob</b>",
        &summary("<script>\r\nx</script>"),
        "https://x/\"><script>",
        &Recording::Not,
    );
    assert!(!letter.html.contains("<script") && !letter.html.contains("<b>"));
    assert!(!letter.subject.contains(['\r', '\n']));
    let nobody = message(Language::German, "Bob", &summary(" "), "x", &Recording::Not);
    assert_eq!(nobody.subject, "Sprachnachricht von einem unbekannten Anrufer");
}

#[test]
fn receipts_are_counted_in_the_subject() {
    let line =
        |fate| ReceiptLine { recipient: "Bob".into(), sent: UnixMillis(0), length_ms: 5_000, fate };
    let heard = line(Fate::Heard { at: UnixMillis(60_000), heard_ms: 2_000 });
    let failed = line(Fate::Failed { reason: "no answer".into() });
    let one = receipts(Language::English, "Alice", std::slice::from_ref(&heard));
    assert_eq!(one.subject, "Your message was heard");
    assert!(one.plain.contains("Bob heard 0:02 of 0:05"), "{}", one.plain);
    let both = receipts(Language::German, "Alice", &[heard, failed]);
    assert_eq!(both.subject, "Ihre Nachrichten: 1 gehört, 1 nicht zugestellt");
    assert!(both.html.contains("no answer"));
}
