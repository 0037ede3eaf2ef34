//! baresip, a softphone: a real telephone, driven through its ctrl_tcp module.
//!
//! What it hears and what it says are read from the WAV files that its sndfile module writes as
//! it goes: so a test can wait for a beep, and knows when a sentence has been said.

use std::collections::VecDeque;
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::audio::{self, Sound};
use crate::ports;
use crate::process::Process;
use crate::wait;

/// Silence that follows what is said, long enough for any call: baresip hangs up at a file's end.
const SILENCE: Duration = Duration::from_secs(300);

/// The length of a WAV header as libsndfile writes it.
const WAV_HEADER: usize = 44;

/// How a phone is set up.
#[derive(Clone)]
pub struct PhoneOptions {
    server: SocketAddr,
    user: String,
    password: String,
    /// `udp` or `tcp`.
    pub transport: &'static str,
    /// Whether it registers; it can call without.
    pub register: bool,
    /// Further modules: `mwi`, `presence`, `contact`.
    pub modules: &'static [&'static str],
    /// Further parameters of its account: `;mwi=yes`.
    pub account: &'static str,
    /// The lines of its list of contacts.
    pub contacts: String,
}

impl PhoneOptions {
    /// A phone with an account on `server`, over UDP, registering.
    pub fn new(server: SocketAddr, user: &str, password: &str) -> Self {
        Self {
            server,
            user: user.into(),
            password: password.into(),
            transport: "udp",
            register: true,
            modules: &[],
            account: "",
            contacts: "# none\n".into(),
        }
    }
}

/// A softphone.
pub struct Phone {
    options: PhoneOptions,
    address: SocketAddr,
    folder: TempDir,
    process: Process,
    control: Control,
    /// Sentences said so far; each is a file of its own.
    said: usize,
    /// How far in what this call heard the last beep ended.
    listened: usize,
}

impl Phone {
    /// Starts it; [`Phone::wait_registered`] waits for the registrar's answer.
    #[track_caller]
    pub fn start(options: PhoneOptions) -> Self {
        let folder =
            tempfile::Builder::new().prefix("hark-phone-").tempdir().expect("a temporary folder");
        let at = folder.path();
        // SIP over UDP and TCP, SIP over TLS on the port after it, and the control connection.
        let first = ports::in_a_row(3);
        let address = SocketAddr::from(([127, 0, 0, 1], first));
        let port = first + 2;
        Sound::default().then_silence(SILENCE).write_wav(&at.join("silence.wav"));
        fs::write(
            at.join("config"),
            config(at.to_str().expect("a plain path"), address, port, options.modules),
        )
        .expect("baresip's config");
        // The account is made over the control connection, so that no event of it is missed.
        fs::write(at.join("accounts"), "# none yet\n").expect("baresip's accounts");
        fs::write(at.join("contacts"), &options.contacts).expect("baresip's contacts");

        let mut command = Command::new("baresip");
        command.arg("-v").arg("-f").arg(at);
        let mut process = Process::start(&format!("baresip of {}", options.user), command);
        process.wait_line("its readiness", wait::SOON, |line| {
            line.contains("baresip is ready").then_some(())
        });
        let control = Control::connect(port);
        let mut phone = Self { options, address, folder, process, control, said: 0, listened: 0 };
        phone.command("uanew", &phone.account());
        phone
    }

    /// Where it listens for SIP.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until the registrar said yes.
    #[track_caller]
    pub fn wait_registered(&mut self) {
        let event = self
            .wait_event("the registrar's answer", wait::SOON, |kind| kind.starts_with("REGISTER_"));
        assert_eq!(event["type"], "REGISTER_OK", "the registrar refused: {event}");
    }

    /// Waits until the registrar said no.
    #[track_caller]
    pub fn wait_refused(&mut self) -> String {
        let event = self.wait_event("the registrar's refusal", wait::SOON, |kind| {
            kind.starts_with("REGISTER_")
        });
        assert_eq!(event["type"], "REGISTER_FAIL", "the registrar accepted: {event}");
        event["param"].as_str().unwrap_or_default().to_owned()
    }

    /// Calls a number of the server and waits until it is answered.
    #[track_caller]
    pub fn call(&mut self, number: &str) {
        self.dial(number);
        self.wait_established();
    }

    /// Calls a number of the server.
    #[track_caller]
    pub fn dial(&mut self, number: &str) {
        self.forget_call();
        let target =
            format!("sip:{number}@{};transport={}", self.options.server, self.options.transport);
        self.command("dial", &target);
    }

    /// Waits until the call is answered.
    #[track_caller]
    pub fn wait_established(&mut self) {
        let event = self.wait_event("the call to be answered", wait::SOON, |kind| {
            matches!(kind, "CALL_ESTABLISHED" | "CALL_CLOSED")
        });
        assert_eq!(event["type"], "CALL_ESTABLISHED", "the call was not answered: {event}");
    }

    /// Waits until somebody calls this phone; says who.
    #[track_caller]
    pub fn wait_ringing(&mut self) -> String {
        self.forget_call();
        let event =
            self.wait_event("this phone to ring", wait::LATER, |kind| kind == "CALL_INCOMING");
        event["peeruri"].as_str().unwrap_or_default().to_owned()
    }

    /// Picks up, and waits until the call stands.
    #[track_caller]
    pub fn answer(&mut self) {
        self.command("accept", "");
        self.wait_established();
    }

    /// Hangs up, or declines.
    #[track_caller]
    pub fn hang_up(&mut self) {
        self.command("hangup", "");
    }

    /// Waits until the other side ends the call; says why.
    #[track_caller]
    pub fn wait_closed(&mut self) -> String {
        let event =
            self.wait_event("the end of the call", wait::LATER, |kind| kind == "CALL_CLOSED");
        event["param"].as_str().unwrap_or_default().to_owned()
    }

    /// Whether an event of this kind arrived that nobody waited for yet.
    pub fn saw(&mut self, kind: &str) -> bool {
        self.control.receive();
        self.control.events.iter().any(|event| event["type"] == kind)
    }

    /// Presses a key, as an RFC 4733 event.
    #[track_caller]
    pub fn press(&mut self, key: char) {
        self.command("sndcode", &key.to_string());
    }

    /// Everything heard in this call.
    pub fn heard(&self) -> Sound {
        self.dump("-dec.wav")
    }

    /// Waits for the tone after which to speak; a beep that was waited for before does not count.
    #[track_caller]
    pub fn wait_beep(&mut self) {
        let from = self.listened;
        let end = wait::until("the beep", wait::LATER, || {
            audio::beep_end(&self.heard().0, from).filter(|_| self.running())
        });
        self.listened = end;
    }

    /// Waits until something other than silence is heard, from now on.
    #[track_caller]
    pub fn wait_sound(&mut self) {
        let from = self.heard().0.len();
        wait::until("something to be heard", wait::LATER, || {
            self.heard().0.get(from..)?.chunks_exact(audio::FRAME).any(audio::is_loud).then_some(())
        });
    }

    /// Waits until `said` is heard in this call: at least `alike`, 0 to 1.
    #[track_caller]
    pub fn wait_heard(&mut self, said: &Sound, alike: f64) {
        let mut looked = 0;
        let mut best = 0.0;
        wait::until(&format!("hearing a sound of {:?}", said.length()), wait::LATER, || {
            let heard = self.heard();
            // Looking is work; look again after each second of sound.
            if heard.0.len() < looked + audio::RATE {
                return None;
            }
            looked = heard.0.len();
            best = heard.best_match(said).0.max(best);
            (best >= alike).then_some(())
        });
    }

    /// Says something, and waits until the last of it has been sent.
    #[track_caller]
    pub fn say(&mut self, said: &Sound) {
        self.begin_saying(said);
        wait::until("the sentence to be said", said.length() + wait::SOON, || {
            (self.spoken() >= said.length()).then_some(())
        });
    }

    /// Begins to say something; silence follows it.
    #[track_caller]
    pub fn begin_saying(&mut self, said: &Sound) {
        self.said += 1;
        let path = self.folder.path().join(format!("said-{}.wav", self.said));
        said.clone().then_silence(SILENCE).write_wav(&path);
        self.command("ausrc", &format!("aufile,{}", path.display()));
    }

    /// How much of what it says has been sent so far in this call, from the first word on.
    pub fn spoken(&self) -> Duration {
        let sent = self.dump("-enc.wav");
        let samples = sent.spoken().map_or(0, |range| sent.0.len() - range.start);
        Duration::from_millis((samples * 1000 / audio::RATE) as u64)
    }

    /// Ends it as its user would: it takes its registration back.
    pub fn quit(mut self) {
        self.command("quit", "");
        wait::until("the telephone to end", wait::SOON, || (!self.running()).then_some(()));
    }

    /// `kill -9`: the telephone is gone, without a BYE and without RTP.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Waits for an event of this kind whose parameter `wanted` accepts.
    #[track_caller]
    pub fn wait_told(&mut self, kind: &str, wanted: impl Fn(&str) -> bool) -> String {
        let (user, control) = (self.options.user.clone(), &mut self.control);
        wait::until(&format!("{kind} ({user})"), wait::SOON, || {
            control.receive();
            while let Some(event) = control.events.pop_front() {
                let told = event["param"].as_str().unwrap_or_default();
                if event["type"] == kind && wanted(told) {
                    return Some(told.to_owned());
                }
            }
            None
        })
    }

    /// Runs one of its commands; what it answers.
    #[track_caller]
    pub fn run(&mut self, command: &str, params: &str) -> String {
        self.control.command(command, params)
    }

    /// Waits until what it prints holds `text`.
    #[track_caller]
    pub fn wait_printed(&mut self, text: &str) {
        let process = &self.process;
        wait::until(&format!("baresip to print {text:?}"), wait::SOON, || {
            process.output().contains(text).then_some(())
        });
    }

    fn account(&self) -> String {
        let PhoneOptions { server, user, password, transport, register, account, .. } =
            &self.options;
        let interval = if *register { 600 } else { 0 };
        format!(
            "<sip:{user}@{server};transport={transport}>;auth_user={user};auth_pass={password};regint={interval}{account}"
        )
    }

    /// What the sndfile module wrote of the current call; empty before its first frame.
    fn dump(&self, ending: &str) -> Sound {
        let dumps = self.dumps(ending);
        let bytes = dumps.last().and_then(|path| fs::read(path).ok()).unwrap_or_default();
        // The header's sizes are only right once the file is closed; the samples are there before.
        let samples = bytes.get(WAV_HEADER..).unwrap_or_default();
        Sound(samples.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect())
    }

    fn dumps(&self, ending: &str) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.folder.path()).expect("the phone's folder");
        let mut paths: Vec<_> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| {
                path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(ending))
            })
            .collect();
        paths.sort();
        paths
    }

    /// The dumps of an earlier call are put away: one phone holds one call at a time.
    fn forget_call(&mut self) {
        self.listened = 0;
        for path in [self.dumps("-dec.wav"), self.dumps("-enc.wav")].concat() {
            fs::remove_file(path).expect("an old recording can be removed");
        }
    }

    fn running(&mut self) -> bool {
        self.process.exit_status().is_none()
    }

    #[track_caller]
    fn command(&mut self, command: &str, params: &str) {
        self.control.command(command, params);
    }

    /// Takes events, oldest first, until one is of a wanted kind.
    #[track_caller]
    fn wait_event(
        &mut self,
        what: &str,
        at_most: Duration,
        wanted: impl Fn(&str) -> bool,
    ) -> Value {
        let control = &mut self.control;
        wait::until(&format!("{what} ({})", self.options.user), at_most, || {
            control.receive();
            while let Some(event) = control.events.pop_front() {
                if wanted(event["type"].as_str().unwrap_or_default()) {
                    return Some(event);
                }
            }
            None
        })
    }
}

/// The ctrl_tcp connection: JSON in netstrings, both ways.
struct Control {
    stream: TcpStream,
    unread: Vec<u8>,
    events: VecDeque<Value>,
    responses: VecDeque<Value>,
    token: usize,
}

impl Control {
    #[track_caller]
    fn connect(port: u16) -> Self {
        let stream = wait::until("baresip's control port", wait::SOON, || {
            TcpStream::connect(("127.0.0.1", port)).ok()
        });
        stream.set_nonblocking(true).expect("a socket option");
        Self {
            stream,
            unread: Vec::new(),
            events: VecDeque::new(),
            responses: VecDeque::new(),
            token: 0,
        }
    }

    #[track_caller]
    fn command(&mut self, command: &str, params: &str) -> String {
        self.token += 1;
        let token = self.token.to_string();
        let text = json!({ "command": command, "params": params, "token": token }).to_string();
        self.stream
            .write_all(format!("{}:{text},", text.len()).as_bytes())
            .expect("baresip takes commands");
        let response = wait::until(&format!("baresip's answer to {command}"), wait::SOON, || {
            self.receive();
            self.responses
                .iter()
                .position(|response| response["token"] == *token)
                .and_then(|at| self.responses.remove(at))
        });
        assert_eq!(response["ok"], true, "baresip refused {command} {params}: {response}");
        response["data"].as_str().unwrap_or_default().to_owned()
    }

    fn receive(&mut self) {
        let mut buffer = [0; 4096];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => self.unread.extend_from_slice(&buffer[..read]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("baresip's control connection: {error}"),
            }
        }
        while let Some(value) = self.next_netstring() {
            match value["event"] == true {
                true => self.events.push_back(value),
                false => self.responses.push_back(value),
            }
        }
    }

    fn next_netstring(&mut self) -> Option<Value> {
        let colon = self.unread.iter().position(|&octet| octet == b':')?;
        let length: usize = std::str::from_utf8(&self.unread[..colon]).ok()?.parse().ok()?;
        let end = colon + 1 + length;
        let value = serde_json::from_slice(self.unread.get(colon + 1..end)?).unwrap_or(Value::Null);
        // The comma may still be on its way.
        self.unread.get(end)?;
        self.unread.drain(..=end);
        Some(value)
    }
}

fn config(folder: &str, address: SocketAddr, control_port: u16, modules: &[&str]) -> String {
    let more: String = modules.iter().map(|name| format!("module_app {name}.so\n")).collect();
    format!(
        "poll_method epoll\n\
         sip_listen {address}\n\
         net_interface 127.0.0.1\n\
         call_max_calls 4\n\
         audio_source aufile,{folder}/silence.wav\n\
         audio_alert aufile,{folder}/silence.wav\n\
         ausrc_srate 8000\nauplay_srate 8000\nausrc_channels 1\nauplay_channels 1\n\
         jitter_buffer_delay 1-5\n\
         module_path {modules}\n\
         module stdio.so\nmodule g711.so\nmodule aufile.so\nmodule sndfile.so\n\
         snd_path {folder}\n\
         module_tmp uuid.so\nmodule_tmp account.so\n\
         module_app menu.so\nmodule_app ctrl_tcp.so\n\
         {more}ctrl_tcp_listen 127.0.0.1:{control_port}\n",
        modules = module_folder(),
    )
}

/// Debian keeps baresip's modules here; elsewhere `BARESIP_MODULES` says where.
fn module_folder() -> String {
    std::env::var("BARESIP_MODULES").unwrap_or_else(|_| "/usr/lib/baresip/modules".into())
}
