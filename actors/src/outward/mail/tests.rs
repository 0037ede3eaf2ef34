use super::*;
use prometheus::Opts;

fn mailer(more: &str) -> Mailer {
    let text = format!(
        "host = \"127.0.0.1\"\nport = 9\ntls = \"none\"\nfrom = \"Hark <hark@example.org>\"\n{more}"
    );
    let mails = IntCounterVec::new(Opts::new("mails", "x"), &["outcome"]).unwrap();
    Mailer::new(&toml::from_str(&text).unwrap(), mails).unwrap().unwrap()
}

fn letter() -> Letter {
    Letter {
        subject: "Voice message from Mallory\r\nBcc: all@example.org".into(),
        plain: "Grüße\n.\nend".into(),
        html: "<p>Grüße</p>".into(),
    }
}

#[test]
fn addresses_that_are_none_are_refused() {
    for text in [
        "",
        "bob",
        "bob@",
        "@example.org",
        "a b@example.org",
        "bob@example.org\r\nRCPT TO:<x>",
        "bob@exämple.org",
        "bøb@example.org",
        "bob@example.org,carol@example.org",
        "<bob@example.org>",
    ] {
        assert!(address_of(text).is_err(), "{text:?}");
    }
    assert!(address_of("bob.o'hara+hark@xn--exmple-cua.org").is_ok());
}

#[tokio::test]
async fn names_cannot_become_header_fields() {
    let mailer = mailer("");
    let to = Mailbox::new(
        Some(clean("Bob\r\nBcc: x@y.org \u{1b}\0", 64)),
        "bob@example.org".parse().unwrap(),
    );
    let mail =
        mailer.compose(to, "abc", &letter(), true, Recording::Attached(Form::Ogg, vec![1; 500]));
    let text = String::from_utf8(mail.unwrap().formatted()).unwrap();
    let head = text.split("\r\n\r\n").next().unwrap();
    assert!(!head.lines().any(|line| line.to_lowercase().starts_with("bcc")), "{head}");
    assert!(head.contains("Message-ID: <abc@example.org>"), "{head}");
    assert!(head.contains("Auto-Submitted: auto-generated"), "{head}");
    assert!(head.contains("Importance: high"), "{head}");
    assert!(head.contains("Date: "), "{head}");
    assert!(text.contains("filename=\"message.ogg\""), "{text}");
    assert!(text.is_ascii());
}

#[tokio::test]
async fn nobody_there_is_for_the_moment_and_an_address_that_is_none_for_ever() {
    let (mailer, letter) = (mailer(""), letter());
    let down = mailer.send(("Bob", "bob@example.org"), "a", &letter, false, Recording::Not);
    let down = down.await.unwrap_err();
    assert!(!down.permanent, "{down}");
    assert!(!down.reason.contains("bob"), "{down}");
    let wrong = mailer.send(("Bob", "bob"), "a", &letter, false, Recording::Not);
    assert!(wrong.await.unwrap_err().permanent);
    let count = |label| mailer.shared.mails.with_label_values(&[label]).get();
    assert_eq!((count("temporary"), count("invalid")), (1, 1));
}

#[tokio::test]
async fn an_address_is_not_flooded() {
    let (mailer, letter) = (mailer("per_address_per_hour = 2\nper_hour = 3"), letter());
    let send = async |address: &str| {
        let sent = mailer.send(("", address), "a", &letter, false, Recording::Not);
        sent.await.unwrap_err().reason.contains("as many mails")
    };
    assert!(!send("bob@example.org").await && !send("BOB@example.org").await);
    assert!(send("bob@example.org").await);
    assert!(!send("carol@example.org").await);
    assert!(send("dave@example.org").await, "all together are bounded too");
}

#[tokio::test]
async fn the_operator_and_the_recipient_choose_the_form_of_attachments() {
    let form = |site: &str, chosen| mailer(&format!("attachment = \"{site}\"")).attachment(chosen);
    assert_eq!(mailer("").attachment(Attach::Yes), Some(Form::Ogg));
    assert_eq!(form("wav", Attach::Yes), Some(Form::Wav));
    assert_eq!(form("wav", Attach::Ogg), Some(Form::Ogg));
    assert_eq!(form("ogg", Attach::Wav), Some(Form::Wav));
    assert_eq!(form("wav", Attach::No), None);
    assert_eq!(form("none", Attach::Wav), None);
}

#[test]
fn a_password_may_stand_in_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("password");
    std::fs::write(&path, "secret\n").unwrap();
    let config = config::Mail { password_file: Some(path.clone()), ..config::Mail::default() };
    assert_eq!(password(&config).unwrap(), "secret");
    std::fs::remove_file(&path).unwrap();
    assert!(password(&config).unwrap_err().to_string().contains("mail.password_file"));
}
