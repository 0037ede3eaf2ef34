//! The channels by which messages go outward, against servers and clients that are not ours: mail
//! to aiosmtpd, read by Python's email package; Web Push opened by Node's cryptography.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use hark_actors::clock;
use hark_actors::config::Config;
use hark_actors::outward::{Channel, Notification, NotifyError, Outward};
use hark_actors::store::{DigestSecrets, NewMessage, NewSubscription, NewUser, Store, StoreConfig};
use hark_engine::delivery::profile::Attach;
use hark_engine::dialplan::effect::Delivery;
use hark_engine::id::{MessageId, UserId};
use hark_engine::message::{MessageSummary, Sender, Step};
use hark_tests::mail::{self, MailOptions, MailServer};
use hark_tests::process::Process;
use hark_tests::receiver::Receiver;
use hark_tests::wait;
use prometheus::Registry;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

const RECORDING: &[u8] = b"OggS and so on";

/// The channels of a site with one user, bob, and one message for him.
struct Site {
    runtime: Runtime,
    store: Store,
    outward: Outward,
    message: MessageSummary,
    _dir: TempDir,
}

impl Site {
    fn with(config: &str) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let dir = tempfile::tempdir().expect("a temporary folder");
        let config = Config::parse(Path::new("hark.toml"), config).expect("a configuration");
        let registry = Registry::new();
        let (store, outward, message) = runtime.block_on(async {
            let store = Store::open(StoreConfig::new(dir.path()), &registry).expect("a store");
            let bob = NewUser {
                name: "bob".into(),
                display_name: "Bob".into(),
                extension: "1002".into(),
                password_hash: String::new(),
                ha1: DigestSecrets { md5: [0; 16], sha256: [0; 32] },
                language: "en".into(),
                limit_secs: 59,
                pin_hash: None,
            };
            store.create_user(bob).await.expect("bob");
            let message = commit(&store, dir.path()).await;
            let outward = Outward::new(&config, store.clone(), &registry).expect("the channels");
            (store, outward, message)
        });
        Self { runtime, store, outward, message, _dir: dir }
    }

    fn notify(&self, channel: Channel, language: &str) -> Result<(), NotifyError> {
        let notification = Notification {
            recipient: UserId(1),
            recipient_name: "Bob Müller".into(),
            language: language.into(),
            zone: "Europe/Berlin".into(),
            channel,
            message: self.message.clone(),
            link: "https://hark.example/m/TOKEN".into(),
        };
        self.runtime.block_on(self.outward.notify(notification))
    }
}

async fn commit(store: &Store, dir: &Path) -> MessageSummary {
    let at = clock::wall();
    let id = MessageId::new(at, clock::random());
    let audio = PathBuf::from(format!("audio/{id}.ogg"));
    std::fs::write(dir.join(&audio), RECORDING).expect("the recording");
    let sender =
        Sender {
            user: None, name: "Änne <b>&\r\nBcc: x@y.example".into(), address: String::new()
        };
    let message = NewMessage {
        id,
        sender: sender.clone(),
        delivery: Delivery { to: vec![UserId(1)], ..Delivery::default() },
        length_ms: 5_000,
        bytes: RECORDING.len() as u64,
        peaks: vec![0; 64],
        audio,
        idempotency_key: None,
        at,
    };
    store.commit_message(message).await.expect("a message");
    MessageSummary {
        id,
        sender,
        at,
        length_ms: 5_000,
        urgent: true,
        private: false,
        reply_to: None,
        step: Step::Accepted,
    }
}

fn to(address: &str, attach: bool) -> Channel {
    let attach = if attach { Attach::Yes } else { Attach::No };
    Channel::Mail { address: address.into(), attach }
}

fn relay(port: u16, more: &str) -> String {
    format!(
        "[mail]\nhost = \"127.0.0.1\"\nport = {port}\nfrom = \"Hark <hark@hark.example>\"\n{more}\n"
    )
}

#[test]
fn a_mail_is_whole_says_it_in_the_recipients_language_and_carries_the_recording() {
    let server = MailServer::start();
    let mut site = Site::with(&relay(server.port(), "tls = \"none\""));
    site.notify(to("bob@example.org", true), "de").expect("it is sent");
    let mail = server.wait_mails(1).remove(0);
    assert_eq!(mail["defects"], json!([]), "{mail}");
    assert_eq!(mail["to"], json!(["bob@example.org"]));
    assert_eq!(mail["from"], "hark@hark.example");
    let header = |name| mail::header(&mail, name);
    assert_eq!(header("To"), "Bob Müller <bob@example.org>");
    assert_eq!(header("From"), "Hark <hark@hark.example>");
    assert_eq!(header("Subject"), "Sprachnachricht von Änne <b>&  Bcc: x@y.example");
    assert_eq!(header("Auto-Submitted"), "auto-generated");
    assert_eq!(header("Importance"), "high");
    assert_eq!(header("Bcc"), "");
    assert!(!header("Date").is_empty());
    let id = header("Message-ID");
    assert!(id.contains(&site.message.id.to_string()) && id.ends_with("@hark.example>"), "{id}");
    let shape =
        ["multipart/mixed", "multipart/alternative", "text/plain", "text/html", "audio/ogg"];
    assert_eq!(mail["shape"], json!(shape));
    let plain = mail::text(&mail, "text/plain");
    assert!(plain.contains("Guten Tag Bob Müller") && plain.contains("0:05"), "{plain}");
    assert!(plain.contains("https://hark.example/m/TOKEN"), "{plain}");
    let html = mail::text(&mail, "text/html");
    assert!(html.contains("href=\"https://hark.example/m/TOKEN\""), "{html}");
    assert!(html.contains("&lt;b&gt;&amp;"), "{html}");
    let recording = &mail["parts"][2];
    assert_eq!(recording["filename"], "message.ogg");
    assert_eq!(recording["disposition"], "attachment");
    assert_eq!(recording["bytes"], RECORDING.len());

    // The same at every attempt: a mail server may know it again.
    site.notify(to("bob@example.org", false), "en").expect("it is sent");
    let again = server.wait_mails(2).remove(1);
    assert_eq!(mail::header(&again, "Message-ID"), id);
    assert_eq!(again["shape"], json!(&shape[1..4]));

    // Who may not pass it on is not handed the file.
    site.message.private = true;
    site.notify(to("bob@example.org", true), "en").expect("it is sent");
    let private = server.wait_mails(3).remove(2);
    assert_eq!(private["shape"], json!(&shape[1..4]));
    assert!(mail::text(&private, "text/plain").contains("private"));
}

#[test]
fn what_is_for_the_moment_is_told_from_what_is_for_ever() {
    let mut server = MailServer::start();
    let port = server.port();
    let site = Site::with(&relay(port, "tls = \"none\"\nattach_max_kib = 0"));
    let failed = |address: &str| site.notify(to(address, true), "en").expect_err(address);
    assert!(failed("550-bob@example.org").permanent);
    assert!(!failed("451-bob@example.org").permanent);
    assert!(failed("bøb@example.org").permanent);
    server.answer(421);
    assert!(!failed("bob@example.org").permanent);
    server.answer(250);
    site.notify(to("bob@example.org", true), "en").expect("it is sent");
    assert!(mail::text(&server.wait_mails(1)[0], "text/plain").contains("too large"));
    drop(server);
    let down = failed("bob@example.org");
    assert!(!down.permanent, "{down}");
    // The same server, back again.
    let server = MailServer::with(&MailOptions { port, ..MailOptions::default() });
    site.notify(to("bob@example.org", false), "en").expect("it is sent");
    server.wait_mails(1);
}

#[test]
fn tls_is_insisted_on_and_certificates_are_checked() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let Some(certificate) = mail::certificate(folder.path()) else {
        eprintln!("skipped: openssl is not installed");
        return;
    };
    let ca = format!("ca = {:?}", certificate.0);
    let account = "user = \"hark\"\npassword = \"right\"";
    for tls in ["starttls", "implicit"] {
        let server = MailServer::with(&MailOptions {
            tls,
            certificate: Some(certificate.clone()),
            user: Some(("hark", "right")),
            port: 0,
        });
        let port = server.port();
        let tls = format!("tls = \"{tls}\"");
        let trusted = Site::with(&relay(port, &format!("{tls}\n{ca}\n{account}")));
        trusted.notify(to("bob@example.org", false), "en").expect("it is sent");
        let mail = server.wait_mails(1).remove(0);
        assert_eq!((&mail["tls"], &mail["user"]), (&json!(true), &json!(true)), "{tls}");
        let unknown = Site::with(&relay(port, &format!("{tls}\n{account}")));
        let refused = unknown.notify(to("bob@example.org", false), "en").expect_err("unknown");
        assert!(!refused.permanent, "the operator can mend it: {refused}");
        let wrong = account.replace("right", "wrong");
        let wrong = Site::with(&relay(port, &format!("{tls}\n{ca}\n{wrong}")));
        let refused = wrong.notify(to("bob@example.org", false), "en").expect_err("wrong");
        assert!(!refused.permanent && refused.reason.contains("535"), "{refused}");
        assert_eq!(server.mails().len(), 1);
    }
    // A server without TLS, where TLS is asked for.
    let plain = MailServer::start();
    let site = Site::with(&relay(plain.port(), "tls = \"starttls\""));
    assert!(site.notify(to("bob@example.org", false), "en").is_err());
    assert!(plain.mails().is_empty());
}

#[test]
fn a_code_is_mailed_and_not_in_the_subject() {
    let server = MailServer::start();
    let site = Site::with(&relay(server.port(), "tls = \"none\""));
    let send = || {
        site.runtime.block_on(site.outward.send_code(
            UserId(1),
            &to("x@example.org", false),
            "314159",
            "en",
        ))
    };
    send().expect("it is sent");
    let mail = server.wait_mails(1).remove(0);
    assert!(mail::text(&mail, "text/plain").contains("314159"));
    assert!(!mail["headers"].to_string().contains("314159"));
    for _ in 0..4 {
        send().expect("it is sent");
    }
    assert!(!send().expect_err("an address is not flooded with codes").permanent);
}

#[test]
fn a_browser_can_open_what_it_is_pushed_and_knows_who_sent_it() {
    let push_service = Receiver::start(&[201, 410]);
    let site =
        Site::with("[outward]\nprivate_networks = true\ncontact = \"mailto:ops@hark.example\"\n");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("push/browser.mjs");
    let mut command = Command::new("node");
    command.arg(script);
    let mut browser = Process::start("the browser's half", command);
    let mut stdin = browser.stdin();
    let mut count = 0;
    let mut ask = |mut command: Value| -> Value {
        count += 1;
        command["n"] = count.into();
        writeln!(stdin, "{command}").expect("it takes commands");
        browser.wait_line("its answer", wait::SOON, |line| {
            serde_json::from_str::<Value>(line).ok().filter(|answer| answer["n"] == count)
        })
    };
    let keys = ask(json!({ "do": "subscribe" }));
    let bytes = |name: &str| base64url(keys[name].as_str().expect(name));
    let subscription = NewSubscription {
        endpoint: format!("{}/push/abc", push_service.base()),
        p256dh: bytes("p256dh").try_into().expect("65 bytes"),
        auth: bytes("auth").try_into().expect("16 bytes"),
        device: "Node".into(),
    };
    let kept = site.store.save_subscription(UserId(1), subscription, clock::wall());
    site.runtime.block_on(kept).expect("it is kept");

    site.notify(Channel::Push, "en").expect("it is pushed");
    let pushed = push_service.wait(1).remove(0);
    assert_eq!(pushed.path, "/push/abc");
    assert_eq!(pushed.header("content-encoding"), "aes128gcm");
    assert_eq!(pushed.header("ttl"), "86400");
    assert_eq!(pushed.header("urgency"), "high");
    let authorization = pushed.header("authorization");
    let opened = ask(
        json!({ "do": "open", "body": hex::encode(&pushed.body), "authorization": authorization }),
    );
    assert_eq!(opened["error"], Value::Null, "{opened}");
    let payload: Value =
        serde_json::from_str(opened["payload"].as_str().expect("a payload")).expect("JSON");
    assert_eq!(payload["link"], "https://hark.example/m/TOKEN");
    assert_eq!(payload["id"], site.message.id.to_string());
    assert_eq!(opened["genuine"], true, "{opened}");
    assert_eq!(opened["header"]["alg"], "ES256");
    assert_eq!(opened["claims"]["aud"], push_service.base());
    assert_eq!(opened["claims"]["sub"], "mailto:ops@hark.example");
    assert_eq!(opened["key"], site.outward.push_key());
    let expires = opened["claims"]["exp"].as_i64().expect("a time");
    assert!((1..=86_400).contains(&(expires - clock::wall().as_secs())), "{expires}");

    // Gone is gone.
    assert!(site.notify(Channel::Push, "en").expect_err("410").permanent);
    assert!(site.notify(Channel::Push, "en").expect_err("nobody left").permanent);
    assert_eq!(push_service.received().len(), 2);
}

fn base64url(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).expect("base64url")
}
