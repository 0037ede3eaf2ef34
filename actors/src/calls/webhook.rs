//! Webhooks: a dialplan asks a web service while somebody is on the line.
//!
//! The URL is the author's. No redirect is followed, so that the answer comes from where the
//! author looked; certificates are checked against Mozilla's roots; what takes too long, is too
//! long, or is no text is a failure, and the dialplan's failure answer runs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use prometheus::{Histogram, HistogramOpts, IntCounterVec, Opts, Registry};
use tokio::sync::Semaphore;

/// The longest answer, in bytes.
const LONGEST_ANSWER: u64 = 64 << 10;
/// How many are asked at once.
const MOST_AT_ONCE: usize = 64;
/// No answer is waited for longer than this.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Asks web services. Cheap to clone; all clones count together.
#[derive(Clone, Debug)]
pub struct Webhooks {
    agent: ureq::Agent,
    places: Arc<Semaphore>,
    outcomes: IntCounterVec,
    seconds: Histogram,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// As many are asked as may be.
    #[error("{MOST_AT_ONCE} webhooks are asked already: are the services too slow?")]
    TooMany,
    /// Anything but 2xx.
    #[error("the web service answered with status {0}")]
    Status(u16),
    /// The time is over.
    #[error("the web service did not answer in time")]
    Timeout,
    /// The answer is longer than 64 KiB.
    #[error("the web service's answer is longer than {LONGEST_ANSWER} bytes")]
    TooLong,
    /// It can't be reached, its certificate is not believed, or it does not speak HTTP.
    #[error("the web service can't be asked: see the address in the dialplan, and its certificate")]
    Failed,
}

impl WebhookError {
    const fn label(self) -> &'static str {
        match self {
            Self::TooMany => "too_many",
            Self::Status(_) => "status",
            Self::Timeout => "timeout",
            Self::TooLong => "too_long",
            Self::Failed => "failed",
        }
    }
}

impl Webhooks {
    /// Registers what is counted: `hark_webhooks_total{outcome}` (ok, status, timeout, too_long,
    /// too_many, failed) and `hark_webhook_seconds`.
    ///
    /// # Errors
    /// The registry has metrics of these names already.
    pub fn start(registry: &Registry) -> Result<Self, prometheus::Error> {
        let outcomes = IntCounterVec::new(
            Opts::new("hark_webhooks_total", "Web services asked by dialplans, by outcome."),
            &["outcome"],
        )?;
        let seconds = Histogram::with_opts(
            HistogramOpts::new("hark_webhook_seconds", "How long web services took to answer.")
                .buckets(vec![0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0]),
        )?;
        registry.register(Box::new(outcomes.clone()))?;
        registry.register(Box::new(seconds.clone()))?;
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("hark/", env!("CARGO_PKG_VERSION")))
            .proxy(None)
            .build();
        let places = Arc::new(Semaphore::new(MOST_AT_ONCE));
        Ok(Self { agent: config.into(), places, outcomes, seconds })
    }

    /// Posts `body`, JSON, to `url` and gives the body of a 2xx answer, all of it within `within`
    /// (a minute at most).
    ///
    /// # Errors
    /// [`WebhookError`]; at once if too many are asked already.
    pub async fn ask(
        &self,
        url: String,
        body: String,
        within: Duration,
    ) -> Result<String, WebhookError> {
        let started = Instant::now();
        let answer = self.exchange(url, body, within.min(LONGEST_WAIT)).await;
        let outcome = match &answer {
            Ok(_) => "ok",
            Err(error) => {
                tracing::warn!(%error, "a webhook failed");
                error.label()
            }
        };
        self.outcomes.with_label_values(&[outcome]).inc();
        if answer != Err(WebhookError::TooMany) {
            self.seconds.observe(started.elapsed().as_secs_f64());
        }
        answer
    }

    async fn exchange(
        &self,
        url: String,
        body: String,
        within: Duration,
    ) -> Result<String, WebhookError> {
        let place = Arc::clone(&self.places).try_acquire_owned();
        let place = place.map_err(|_| WebhookError::TooMany)?;
        let agent = self.agent.clone();
        let asking = tokio::task::spawn_blocking(move || {
            // Held as long as the thread is busy, also when nobody waits any more.
            let _place = place;
            post(&agent, &url, &body, within)
        });
        match tokio::time::timeout(within, asking).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(WebhookError::Failed),
            Err(_) => Err(WebhookError::Timeout),
        }
    }
}

fn post(
    agent: &ureq::Agent,
    url: &str,
    body: &str,
    within: Duration,
) -> Result<String, WebhookError> {
    let request = agent.post(url).config().timeout_global(Some(within)).build();
    let response = request
        .header("content-type", "application/json")
        .header("accept", "application/json")
        .send(body)
        .map_err(failed)?;
    let status = response.status();
    if !status.is_success() {
        return Err(WebhookError::Status(status.as_u16()));
    }
    let body = response.into_body().into_with_config().limit(LONGEST_ANSWER).read_to_string();
    body.map_err(failed)
}

fn failed(error: ureq::Error) -> WebhookError {
    match error {
        ureq::Error::Timeout(_) => WebhookError::Timeout,
        ureq::Error::BodyExceedsLimit(_) => WebhookError::TooLong,
        error => {
            // Whom it was sent to and what with may be secret; what went wrong is not.
            tracing::debug!(%error, "a webhook's exchange");
            WebhookError::Failed
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

    /// A web service that gives `answer` once, and what it was asked.
    fn service(answer: Vec<u8>) -> (String, std::thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/ask", listener.local_addr().unwrap());
        let asked = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let (mut asked, mut buffer) = (String::new(), [0; 4096]);
            while !asked.ends_with('}') {
                let length = stream.read(&mut buffer).unwrap();
                assert!(length > 0, "the request is whole");
                asked += std::str::from_utf8(&buffer[..length]).unwrap();
            }
            // A client that has read enough hangs up.
            let _ = stream.write_all(&answer);
            asked
        });
        (url, asked)
    }

    fn response(head: &str, body: &str) -> Vec<u8> {
        let length = body.len();
        format!("HTTP/1.1 {head}\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes()
    }

    async fn ask(url: &str, within: Duration) -> (Result<String, WebhookError>, Webhooks) {
        let webhooks = Webhooks::start(&Registry::new()).unwrap();
        let answer = webhooks.ask(url.into(), r#"{"caller":"1001"}"#.into(), within).await;
        (answer, webhooks)
    }

    const SOON: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn json_is_posted_and_the_answer_comes_back() {
        let (url, asked) = service(response("201 Created", r#"{"open":true}"#));
        let (answer, webhooks) = ask(&url, SOON).await;
        assert_eq!(answer.as_deref(), Ok(r#"{"open":true}"#));
        let asked = asked.join().unwrap().to_ascii_lowercase();
        assert!(asked.starts_with("post /ask http/1.1\r\n"), "{asked}");
        assert!(asked.contains("content-type: application/json\r\n"), "{asked}");
        let agent = concat!("user-agent: hark/", env!("CARGO_PKG_VERSION"), "\r\n");
        assert!(asked.contains(agent), "{asked}");
        assert!(asked.ends_with("\r\n\r\n{\"caller\":\"1001\"}"), "{asked}");
        assert_eq!(webhooks.outcomes.with_label_values(&["ok"]).get(), 1);
        assert_eq!(webhooks.seconds.get_sample_count(), 1);
    }

    #[tokio::test]
    async fn what_is_no_good_answer_is_a_failure() {
        let (elsewhere, _) = service(response("200 OK", "{}"));
        let moved = format!("302 Found\r\nlocation: {elsewhere}");
        let long = "x".repeat(LONGEST_ANSWER as usize + 1);
        for (answer, wanted) in [
            (response("404 Not Found", "{}"), WebhookError::Status(404)),
            (response("500 Oops", ""), WebhookError::Status(500)),
            (response(&moved, ""), WebhookError::Status(302)),
            (response("200 OK", &long), WebhookError::TooLong),
            (b"SIP/2.0 200 OK\r\n\r\n".to_vec(), WebhookError::Failed),
            (
                b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n\xff\xfe".to_vec(),
                WebhookError::Failed,
            ),
            (Vec::new(), WebhookError::Failed),
        ] {
            let (url, asked) = service(answer);
            let (answer, webhooks) = ask(&url, SOON).await;
            assert_eq!(answer, Err(wanted));
            assert_eq!(webhooks.outcomes.with_label_values(&[wanted.label()]).get(), 1);
            asked.join().unwrap();
        }
    }

    #[tokio::test]
    async fn an_answer_of_just_the_allowed_length_is_taken() {
        let most = "x".repeat(LONGEST_ANSWER as usize);
        let (url, _) = service(response("200 OK", &most));
        assert_eq!(ask(&url, SOON).await.0, Ok(most));
    }

    #[tokio::test]
    async fn nobody_there_or_nobody_who_answers() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let within = Duration::from_millis(200);
        let started = Instant::now();
        assert_eq!(ask(&url, within).await.0, Err(WebhookError::Timeout));
        assert!(started.elapsed() < SOON);
        drop(listener);
        assert_eq!(ask(&url, SOON).await.0, Err(WebhookError::Failed));
        for url in ["ftp://127.0.0.1/", "nonsense", ""] {
            assert_eq!(ask(url, SOON).await.0, Err(WebhookError::Failed), "{url:?}");
        }
    }

    #[tokio::test]
    async fn https_is_not_spoken_with_who_speaks_no_tls() {
        let (url, asked) = service(response("200 OK", "{}"));
        let (answer, _) = ask(&url.replace("http:", "https:"), Duration::from_millis(500)).await;
        assert!(matches!(answer, Err(WebhookError::Failed | WebhookError::Timeout)), "{answer:?}");
        drop(asked);
    }

    #[tokio::test]
    async fn a_certificate_that_nobody_vouches_for_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let (key, certificate) = (dir.path().join("key"), dir.path().join("certificate"));
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let made = std::process::Command::new("openssl")
            .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"])
            .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
            .arg("-keyout")
            .arg(&key)
            .arg("-out")
            .arg(&certificate)
            .output();
        if made.is_err() {
            eprintln!("skipped: openssl is not installed");
            return;
        }
        let mut server = std::process::Command::new("openssl")
            .args(["s_server", "-www", "-quiet", "-accept", &port.to_string()])
            .arg("-key")
            .arg(&key)
            .arg("-cert")
            .arg(&certificate)
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let deadline = Instant::now() + SOON;
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "openssl listens");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let url = format!("https://localhost:{port}/");
        let (answer, _) = ask(&url, SOON).await;
        // The same server answers whoever does not look at its certificate.
        let careless = ureq::tls::TlsConfig::builder().disable_verification(true).build();
        let careless = ureq::Agent::config_builder().tls_config(careless).build();
        let seen = tokio::task::spawn_blocking(move || {
            ureq::Agent::from(careless).get(url).call().map(|response| response.status().as_u16())
        });
        assert_eq!(seen.await.unwrap().ok(), Some(200));
        server.kill().unwrap();
        server.wait().unwrap();
        assert_eq!(answer, Err(WebhookError::Failed));
    }

    #[tokio::test]
    async fn no_more_are_asked_than_allowed() {
        let webhooks = Webhooks::start(&Registry::new()).unwrap();
        let all = webhooks.places.clone().acquire_many_owned(MOST_AT_ONCE as u32).await.unwrap();
        let ask = || webhooks.ask("http://127.0.0.1:9/".into(), "{}".into(), SOON);
        assert_eq!(ask().await, Err(WebhookError::TooMany));
        drop(all);
        assert_ne!(ask().await, Err(WebhookError::TooMany));
    }
}
