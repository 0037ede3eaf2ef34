//! The client's side of the API, for commands that talk to a server elsewhere.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use serde::Deserialize;
use ureq::http::{Request, Response};
use ureq::{Agent, Body, SendBody};

use super::{WRONG_INPUT, complain};

/// Where a server is looked for when nobody says where.
const DEFAULT_SERVER: &str = "http://127.0.0.1:8080";
/// The longest answer that is read.
const LONGEST_ANSWER: u64 = 4 << 20;
/// How long connecting, and an answer to what is not a file, may take.
const CONNECT: Duration = Duration::from_secs(10);
const ANSWER: Duration = Duration::from_secs(30);

/// Which server, and as whom.
#[derive(Debug, clap::Args)]
pub struct ServerOptions {
    /// Where the server is. Left out: HARK_SERVER, the client's file, or http://127.0.0.1:8080.
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// A file that holds a token and nothing else. Left out: HARK_TOKEN, or the client's file.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// `client.toml` in the user's configuration folder.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ClientFile {
    server: Option<String>,
    token: Option<String>,
    token_file: Option<PathBuf>,
}

/// Why a command came to nothing.
#[derive(Debug)]
pub struct Failed {
    what: String,
    code: u8,
}

impl Failed {
    /// What was typed, or is in a file, is wrong.
    pub fn wrong(what: impl Into<String>) -> Self {
        Self { what: what.into(), code: WRONG_INPUT }
    }

    /// The server, or this machine, did not do it.
    pub fn undone(what: impl Into<String>) -> Self {
        Self { what: what.into(), code: 1 }
    }

    /// Another exit code, with what it stands for.
    pub fn with(code: u8, what: impl Into<String>) -> Self {
        Self { what: what.into(), code }
    }

    /// Says it, and ends with its code.
    pub fn complain(&self) -> ExitCode {
        complain(self, ExitCode::from(self.code))
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

/// The body of a refusal (RFC 9457).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Problem {
    detail: String,
    mend: String,
}

/// A client of one server.
pub struct Client {
    agent: Agent,
    server: String,
    token: String,
}

impl ServerOptions {
    /// The client that the options, the environment and the client's file describe.
    pub fn client(&self) -> Result<Client, Failed> {
        let file = ClientFile::read()?;
        let env = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
        let server = self.server.clone().or_else(|| env("HARK_SERVER")).or(file.server);
        let server = server.unwrap_or_else(|| DEFAULT_SERVER.to_owned());
        let server = server.trim().trim_end_matches('/').to_owned();
        if !(server.starts_with("http://") || server.starts_with("https://")) {
            return Err(Failed::wrong(format!(
                "the server '{server}' should look like https://hark.example.org"
            )));
        }
        let token = match (&self.token_file, env("HARK_TOKEN"), file.token, &file.token_file) {
            (Some(path), ..) | (None, None, None, Some(path)) => read_token(path)?,
            (None, Some(token), ..) | (None, None, Some(token), _) => token,
            (None, None, None, None) => {
                return Err(Failed::wrong(format!(
                    "there is no token to come in with\n  mend: make one where the server runs \
                     (hark token create --user NAME --name {} --scope messages:send), and give it \
                     by --token-file, HARK_TOKEN or {}",
                    "terminal",
                    place().display()
                )));
            }
        };
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT))
            .timeout_recv_response(Some(Duration::from_secs(150)))
            .max_redirects(0)
            .max_redirects_will_error(false)
            .build();
        Ok(Client { agent: config.new_agent(), server, token: token.trim().to_owned() })
    }
}

/// Where the client's file is: `$XDG_CONFIG_HOME/hark/client.toml`, or under `~/.config`.
fn place() -> PathBuf {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let config = set("XDG_CONFIG_HOME").map(PathBuf::from).unwrap_or_else(|| {
        PathBuf::from(set("HOME").unwrap_or_else(|| ".".into())).join(".config")
    });
    config.join("hark").join("client.toml")
}

impl ClientFile {
    fn read() -> Result<Self, Failed> {
        let path = place();
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            Err(error) => return Err(Failed::wrong(format!("{}: {error}", path.display()))),
        };
        toml::from_str(&text).map_err(|error| {
            Failed::wrong(format!(
                "{}: {}\n  mend: it may say server, token and token_file, each a text in quotes",
                path.display(),
                error.message()
            ))
        })
    }
}

fn read_token(path: &Path) -> Result<String, Failed> {
    std::fs::read_to_string(path).map_err(|error| {
        Failed::wrong(format!("{}: the token can't be read: {error}", path.display()))
    })
}

impl Client {
    /// Asks for JSON.
    pub fn get(&self, path: &str) -> Result<serde_json::Value, Failed> {
        let request = self.request("GET", path).body(()).map_err(|e| self.unfit(&e))?;
        let configured = self.agent.configure_request(request).timeout_global(Some(ANSWER)).build();
        self.answer(self.agent.run(configured))
    }

    /// Sends a file of `bytes` bytes. Under the same `key`, it is one message however often it
    /// is sent.
    pub fn post_file(
        &self,
        path: &str,
        key: &str,
        bytes: u64,
        file: impl Read + 'static,
    ) -> Result<serde_json::Value, Failed> {
        let request = self
            .request("POST", path)
            .header("content-type", "application/octet-stream")
            .header("content-length", bytes.to_string())
            .header("idempotency-key", key)
            .body(SendBody::from_owned_reader(file))
            .map_err(|e| self.unfit(&e))?;
        self.answer(self.agent.run(request))
    }

    fn request(&self, method: &str, path: &str) -> ureq::http::request::Builder {
        Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.server))
            .header("authorization", format!("Bearer {}", self.token))
            .header("accept", "application/json")
    }

    fn unfit(&self, error: &dyn fmt::Display) -> Failed {
        Failed::wrong(format!("the server's address or the token can't be used: {error}"))
    }

    fn answer(
        &self,
        answered: Result<Response<Body>, ureq::Error>,
    ) -> Result<serde_json::Value, Failed> {
        let mut response = answered.map_err(|error| {
            Failed::undone(format!(
                "{} can't be reached: {error}\n  mend: check that it runs, and the address \
                 (--server, HARK_SERVER or {})",
                self.server,
                place().display()
            ))
        })?;
        let status = response.status().as_u16();
        let body = response.body_mut().with_config().limit(LONGEST_ANSWER).read_to_vec();
        let body = body.map_err(|error| {
            Failed::undone(format!("{} broke off its answer: {error}", self.server))
        })?;
        if (200..300).contains(&status) {
            return serde_json::from_slice(&body).map_err(|error| {
                Failed::undone(format!("{} gave no answer of Hark's: {error}", self.server))
            });
        }
        let problem: Problem = serde_json::from_slice(&body).unwrap_or_default();
        if problem.detail.is_empty() {
            let what = format!("{} answered {status}: is that a Hark server?", self.server);
            return Err(Failed::undone(what));
        }
        let what = match problem.mend.as_str() {
            "" => problem.detail,
            mend => format!("{}\n  mend: {mend}", problem.detail),
        };
        // What the client sent is wrong, or the server can't do it now.
        let code = if (400..500).contains(&status) && !matches!(status, 408 | 429) {
            WRONG_INPUT
        } else {
            1
        };
        Err(Failed::with(code, what))
    }
}
