//! A real SMTP server, aiosmtpd, which prints the mail that it takes: `tests/mail/server.py`.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::process::Process;
use crate::wait;

/// How the server is reached.
#[derive(Clone, Debug, Default)]
pub struct MailOptions {
    /// `none`, `starttls` or `implicit`; empty is `none`.
    pub tls: &'static str,
    /// The certificate and its key, for TLS.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// The user and password that it asks for.
    pub user: Option<(&'static str, &'static str)>,
    /// The port; 0 takes a free one.
    pub port: u16,
}

/// A running server.
pub struct MailServer {
    process: Process,
    stdin: ChildStdin,
    port: u16,
}

impl MailServer {
    /// Starts one that takes everything, in the clear.
    #[track_caller]
    pub fn start() -> Self {
        Self::with(&MailOptions::default())
    }

    /// Starts one.
    #[track_caller]
    pub fn with(options: &MailOptions) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
        let python = root.join(".tools/venv/bin/python");
        assert!(python.is_file(), "aiosmtpd is missing: `make deps-test` installs it");
        let mut command = Command::new(python);
        command.arg(root.join("tests/mail/server.py")).arg("--port").arg(options.port.to_string());
        if !options.tls.is_empty() {
            command.arg("--tls").arg(options.tls);
        }
        if let Some((certificate, key)) = &options.certificate {
            command.arg("--cert").arg(certificate).arg("--key").arg(key);
        }
        if let Some((user, password)) = options.user {
            command.args(["--user", user, "--password", password]);
        }
        let mut process = Process::start("the mail server", command);
        let stdin = process.stdin();
        let port = process
            .wait_line("its port", wait::SOON, |line| line.strip_prefix("ready ")?.parse().ok());
        Self { process, stdin, port }
    }

    /// Where it listens, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Has it answer every recipient with this code; 250 takes them.
    #[track_caller]
    pub fn answer(&mut self, code: u16) {
        writeln!(self.stdin, "answer {code}").expect("the mail server takes commands");
        let said = format!("answers {code}");
        self.process.wait_line(&said, wait::SOON, |line| (line == said).then_some(()));
    }

    /// The mails so far, oldest first.
    pub fn mails(&self) -> Vec<Value> {
        let output = self.process.output();
        output
            .lines()
            .filter(|line| line.starts_with('{'))
            .filter_map(|l| serde_json::from_str(l).ok())
            .collect()
    }

    /// Waits for so many mails, and gives them.
    #[track_caller]
    pub fn wait_mails(&self, count: usize) -> Vec<Value> {
        wait::until(&format!("{count} mails"), wait::LATER, || {
            Some(self.mails()).filter(|mails| mails.len() >= count)
        })
    }
}

/// A header field of a mail; empty if there is none.
pub fn header(mail: &Value, name: &str) -> String {
    let fields = mail["headers"].as_array().expect("header fields");
    let found = fields.iter().find(|f| f[0].as_str().is_some_and(|n| n.eq_ignore_ascii_case(name)));
    found.and_then(|f| f[1].as_str()).unwrap_or_default().to_owned()
}

/// The text of a mail of this type.
pub fn text(mail: &Value, kind: &str) -> String {
    let parts = mail["parts"].as_array().expect("parts");
    let found = parts.iter().find(|p| p["type"] == kind);
    found.and_then(|p| p["text"].as_str()).unwrap_or_default().to_owned()
}

/// The file that is attached under this name.
#[track_caller]
pub fn attached(mail: &Value, name: &str) -> Vec<u8> {
    let parts = mail["parts"].as_array().expect("parts");
    let found = parts.iter().find(|p| p["filename"] == name);
    let text = found.and_then(|p| p["base64"].as_str());
    let text = text.unwrap_or_else(|| panic!("nothing is attached as {name}: {}", mail["shape"]));
    STANDARD.decode(text).expect("base64")
}

/// A certificate for 127.0.0.1 and its key, in `folder`; `None` where openssl is not installed.
#[track_caller]
pub fn certificate(folder: &Path) -> Option<(PathBuf, PathBuf)> {
    let (certificate, key) = (folder.join("mail.pem"), folder.join("mail.key"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output()
        .ok()?;
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    Some((certificate, key))
}
