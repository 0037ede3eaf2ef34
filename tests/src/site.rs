//! A site: the real `hark` binary, serving a folder of its own on free ports.

use std::collections::HashMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use tempfile::TempDir;

use crate::http::Http;
use crate::phone::{Phone, PhoneOptions};
use crate::ports;
use crate::process::Process;
use crate::wait;

/// How long the server may take from its start to its READY line.
const START: Duration = Duration::from_secs(60);

/// What a site's `hark.toml` says beyond the harness's defaults.
#[derive(Default)]
pub struct SiteOptions {
    /// Where the state lives; a temporary folder if `None`.
    pub data: Option<PathBuf>,
    /// The state lies in a file system of this size in memory (`24m`), mounted in a namespace of
    /// the server's own: it is gone when the server ends.
    pub tmpfs: Option<&'static str>,
    /// A folder of `.dial` files in place of the ones that ship.
    pub dialplans: Option<PathBuf>,
    /// Whether a change of them is left to `hark reload`.
    pub unwatched: bool,
    /// Longest message, in seconds.
    pub limit_seconds: Option<u32>,
    /// The largest file that may be sent up, in MiB.
    pub upload_mib: Option<u32>,
    /// For how long RTP may stay away before a call counts as dead.
    pub dead_after_seconds: Option<u32>,
    /// Whether the dialplan's test instructions compile (the planted panic).
    pub test_instructions: bool,
    /// Whether callers without a password are refused.
    pub no_guests: bool,
    /// Whether telephones that did not subscribe are not told of their lamp.
    pub no_unsolicited_lamps: bool,
    /// Further keys of `[web]`, as they stand there.
    pub web: String,
    /// Further sections of `hark.toml`, as they stand there.
    pub more: String,
}

/// A running server and its folder.
pub struct Site {
    options: SiteOptions,
    folder: TempDir,
    process: Option<Process>,
    addresses: Option<Addresses>,
}

/// Where a server is reached, from its READY line.
#[derive(Clone, Copy, Debug)]
struct Addresses {
    udp: SocketAddr,
    tcp: SocketAddr,
    web: SocketAddr,
}

impl Site {
    /// Starts a site with the harness's defaults.
    #[track_caller]
    pub fn start() -> Self {
        Self::with(SiteOptions::default())
    }

    /// Starts a site.
    #[track_caller]
    pub fn with(options: SiteOptions) -> Self {
        let folder =
            tempfile::Builder::new().prefix("hark-site-").tempdir().expect("a temporary folder");
        let mut site = Self { options, folder, process: None, addresses: None };
        site.launch();
        site
    }

    /// `kill -9`, by its id.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    /// Asks it to end, as systemd would, and waits for it.
    #[track_caller]
    pub fn stop(&mut self) -> ExitStatus {
        let mut process = self.process.take().expect("the site runs");
        process.terminate();
        process.wait_exit(wait::LATER)
    }

    /// Asks it to reload, as `kill -HUP` does.
    pub fn hang_up(&self) {
        self.process.as_ref().expect("the site runs").signal("HUP");
    }

    /// Runs `hark` with `args` and this site's configuration to its end: its exit code and what it
    /// printed.
    #[track_caller]
    pub fn hark(&self, args: &[&str]) -> (Option<i32>, String) {
        let args = [args, &["--config", "hark.toml"]].concat();
        let (status, said) = run(&args, self.folder.path());
        (status.code(), said)
    }

    /// Starts it again on the same folder and the same ports.
    #[track_caller]
    pub fn restart(&mut self) {
        self.kill();
        self.launch();
    }

    /// Whether the process is alive.
    pub fn alive(&mut self) -> bool {
        self.process.as_mut().is_some_and(|process| process.exit_status().is_none())
    }

    /// Where SIP is spoken over UDP.
    pub fn udp(&self) -> SocketAddr {
        self.addresses().udp
    }

    /// Where SIP is spoken over TCP.
    pub fn tcp(&self) -> SocketAddr {
        self.addresses().tcp
    }

    /// Where the web client and the API are.
    pub fn web(&self) -> String {
        format!("http://{}", self.addresses().web)
    }

    /// Where the state lives.
    pub fn data(&self) -> PathBuf {
        let dir = self.storage();
        match self.options.tmpfs {
            None => dir,
            // Seen through the server's own root.
            Some(_) => {
                let root = PathBuf::from(format!("/proc/{}/root", self.pid()));
                root.join(dir.strip_prefix("/").expect("an absolute path"))
            }
        }
    }

    /// The server's process.
    #[track_caller]
    pub fn pid(&self) -> u32 {
        self.process.as_ref().expect("the site runs").pid()
    }

    fn storage(&self) -> PathBuf {
        self.options.data.clone().unwrap_or_else(|| self.folder.path().join("data"))
    }

    /// A place for files of the test itself.
    pub fn scratch(&self) -> &Path {
        self.folder.path()
    }

    /// What the server printed so far.
    pub fn output(&self) -> String {
        self.process.as_ref().map(Process::output).unwrap_or_default()
    }

    /// The first-run password of a demo user.
    #[track_caller]
    pub fn password(&self, user: &str) -> String {
        let file = self.data().join("first-run-passwords.txt");
        let text =
            fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let passwords: HashMap<_, _> = text
            .lines()
            .filter_map(|line| {
                let mut words = line.split_whitespace();
                Some((words.next()?.trim_end_matches([':', '=']), words.last()?))
            })
            .collect();
        (*passwords.get(user).unwrap_or_else(|| panic!("no password for {user} in:\n{text}")))
            .to_owned()
    }

    /// An HTTP client signed in as `user`.
    #[track_caller]
    pub fn sign_in(&self, user: &str) -> Http {
        let http = Http::new(&self.web());
        http.sign_in(user, &self.password(user));
        http
    }

    /// What the API tells a demo user about itself.
    #[track_caller]
    pub fn json_of(&self, user: &str) -> serde_json::Value {
        self.sign_in(user).json("/api/v1/me")
    }

    /// A softphone registered as `user`.
    #[track_caller]
    pub fn phone(&self, user: &str) -> Phone {
        let mut phone = Phone::start(PhoneOptions::new(self.udp(), user, &self.password(user)));
        phone.wait_registered();
        phone
    }

    /// The text of `/metrics`.
    #[track_caller]
    pub fn metrics(&self) -> String {
        Http::new(&self.web()).text("/metrics")
    }

    /// The sum of a metric over all of its labels; 0 while it was never counted.
    #[track_caller]
    pub fn metric(&self, name: &str) -> f64 {
        self.metrics()
            .lines()
            .filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])))
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum()
    }

    #[track_caller]
    fn addresses(&self) -> Addresses {
        self.addresses.expect("the site was started")
    }

    #[track_caller]
    fn launch(&mut self) {
        let config = self.folder.path().join("hark.toml");
        fs::write(&config, self.config()).expect("hark.toml can be written");
        let mut command = match self.options.tmpfs {
            None => Command::new(binary()),
            Some(size) => {
                let mut command = Command::new("unshare");
                let mount = format!(
                    "mkdir -p \"$0\" && mount -t tmpfs -o size={size} tmpfs \"$0\" && exec \"$@\""
                );
                command.args(["--user", "--map-root-user", "--mount", "sh", "-c", &mount]);
                command.arg(self.storage()).arg(binary());
                command
            }
        };
        command.args(["serve", "--config"]).arg(&config).current_dir(self.folder.path());
        let mut process = Process::start("hark", command);
        let ready = process.wait_line("the READY line", START, Addresses::parse);
        self.addresses = Some(ready);
        self.process = Some(process);
    }

    fn config(&self) -> String {
        // A restart takes the ports of the first start: phones and browsers know them.
        let (udp, tcp, web) = match self.addresses {
            Some(Addresses { udp, tcp, web }) => {
                (udp.to_string(), tcp.to_string(), web.to_string())
            }
            None => {
                let first = ports::in_a_row(2);
                let sip = format!("127.0.0.1:{first}");
                (sip.clone(), sip, format!("127.0.0.1:{}", first + 1))
            }
        };
        let options = &self.options;
        let mut config = format!(
            "[site]\nname = \"Hark under test\"\ndomain = \"localhost\"\n\
             [storage]\ndir = {data:?}\n\
             [sip]\nlisten = [\"udp:{udp}\", \"tcp:{tcp}\"]\nguests = {guests}\n\
             unsolicited_lamps = {lamps}\n\
             [web]\nlisten = \"{web}\"\nupload_mib = {upload}\n{more_web}\
             [media]\nbind = \"127.0.0.1\"\nports = \"0\"\n",
            data = self.storage(),
            guests = !options.no_guests,
            lamps = !options.no_unsolicited_lamps,
            upload = options.upload_mib.unwrap_or(64),
            more_web = options.web,
        );
        if let Some(seconds) = options.dead_after_seconds {
            config += &format!("dead_after_seconds = {seconds}\n");
        }
        if let Some(seconds) = options.limit_seconds {
            config += &format!("[messages]\nlimit_seconds = {seconds}\n");
        }
        if let Some(folder) = &options.dialplans {
            let watch = !options.unwatched;
            config += &format!("[dialplan]\ndir = {folder:?}\nwatch = {watch}\n");
        }
        if options.test_instructions {
            config += "[test]\ninstructions = true\n";
        }
        config += &options.more;
        config
    }
}

impl Addresses {
    /// Reads `HARK READY sip=udp:127.0.0.1:5060 sip=tcp:127.0.0.1:5060 web=http://127.0.0.1:8080`;
    /// the SIP addresses may also stand in one word, with a comma between them.
    fn parse(line: &str) -> Option<Self> {
        let (_, words) = line.split_once("HARK READY")?;
        let mut udp = None;
        let mut tcp = None;
        let mut web = None;
        for (key, value) in words.split_whitespace().filter_map(|word| word.split_once('=')) {
            for value in value.split(',') {
                if let Some(addr) = value.strip_prefix("udp:").and_then(|text| text.parse().ok()) {
                    udp = udp.or(Some(addr));
                } else if let Some(addr) =
                    value.strip_prefix("tcp:").and_then(|text| text.parse().ok())
                {
                    tcp = tcp.or(Some(addr));
                } else if key == "web" {
                    web = value
                        .strip_prefix("http://")
                        .and_then(|text| text.trim_end_matches('/').parse().ok());
                }
            }
        }
        Some(Self { udp: udp?, tcp: tcp?, web: web? })
    }
}

/// The server's binary: `HARK_BIN`, or the one that cargo built beside this test.
#[track_caller]
pub fn binary() -> PathBuf {
    let path = std::env::var_os("HARK_BIN").map(PathBuf::from).unwrap_or_else(|| {
        let test = std::env::current_exe().expect("a test knows where it is");
        let profile = test.ancestors().nth(2).expect("target/debug/deps/test");
        profile.join("hark")
    });
    assert!(path.is_file(), "{} is missing: `cargo build --bin hark` builds it", path.display());
    path
}

/// Runs `hark` with `args` to its end.
#[track_caller]
pub fn run(args: &[&str], folder: &Path) -> (ExitStatus, String) {
    let mut command = Command::new(binary());
    command.args(args).current_dir(folder);
    let mut process = Process::start("hark", command);
    let status = process.wait_exit(wait::SOON);
    (status, process.output())
}
