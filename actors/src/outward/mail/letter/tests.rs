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

fn reader(language: Language, name: &str) -> Reader<'_> {
    Reader { language, zone: Zone::parse("Europe/Berlin").unwrap(), name }
}

#[test]
fn times_are_those_of_the_readers_clocks_and_language() {
    // 2026-07-05T22:05:00Z is the next day in Berlin.
    let at = UnixMillis(1_783_289_100_000);
    let date = |language| reader(language, "Bob").date(at);
    assert_eq!(date(Language::English), "Mon 6 Jul 2026, 0:05 (Europe/Berlin)");
    assert_eq!(date(Language::German), "Mo 6. Juli 2026, 0:05 Uhr (Europe/Berlin)");
    let summary = MessageSummary { at, ..summary("Alice") };
    let letter = message(&reader(Language::German, "Bob"), &summary, "https://x/", &Recording::Not);
    assert!(letter.plain.contains("Mo 6. Juli 2026, 0:05 Uhr"), "{}", letter.plain);
    assert!(!letter.plain.contains("UTC") && !letter.html.contains("UTC"));
}

#[test]
fn the_secret_is_in_the_text_and_not_in_the_subject() {
    let link = "https://hark.example/m/TOKEN";
    for language in [Language::English, Language::German] {
        let letter =
            message(&reader(language, "Bob"), &summary("Alice"), link, &Recording::TooLarge);
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
        &reader(Language::English, "<b>Bob</b>"),
        &summary("<script>\r\nx</script>"),
        "https://x/\"><script>",
        &Recording::Not,
    );
    assert!(!letter.html.contains("<script") && !letter.html.contains("<b>"));
    assert!(!letter.subject.contains(['\r', '\n']));
    let nobody = message(&reader(Language::German, "Bob"), &summary(" "), "x", &Recording::Not);
    assert_eq!(nobody.subject, "Sprachnachricht von einem unbekannten Anrufer");
}

#[test]
fn receipts_are_counted_in_the_subject() {
    let line =
        |fate| ReceiptLine { recipient: "Bob".into(), sent: UnixMillis(0), length_ms: 5_000, fate };
    let heard = line(Fate::Heard { at: UnixMillis(60_000), heard_ms: 2_000 });
    let failed = line(Fate::Failed { reason: "no answer".into() });
    let one = receipts(&reader(Language::English, "Alice"), std::slice::from_ref(&heard));
    assert_eq!(one.subject, "Your message was heard");
    assert!(one.plain.contains("Bob heard 0:02 of 0:05"), "{}", one.plain);
    let both = receipts(&reader(Language::German, "Alice"), &[heard, failed]);
    assert_eq!(both.subject, "Ihre Nachrichten: 1 gehört, 1 nicht zugestellt");
    assert!(both.html.contains("no answer"));
}
