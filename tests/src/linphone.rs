//! linphone, another softphone: a real telephone, driven by what one would type into `linphonec`.
//!
//! It has no sound card: it plays and records WAV files. It goes by its own rules (it subscribes
//! to presence and sends texts with CPIM receipts), which is why it is here beside baresip.

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{ChildStdin, Command};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::audio::{self, Sound};
use crate::ports;
use crate::process::Process;
use crate::wait;

/// How many ports it may use for RTP and RTCP.
const MEDIA_PORTS: u16 = 8;
/// How long it may take to answer what is typed; then it is asked again.
const ANSWERS_WITHIN: Duration = Duration::from_millis(500);
/// The length of the WAV header that it writes.
const WAV_HEADER: usize = 44;

/// A linphone with one account.
pub struct Linphone {
    folder: TempDir,
    process: Process,
    input: ChildStdin,
}

impl Linphone {
    /// Starts it, and waits until its account is registered.
    ///
    /// `friends` are addresses whose presence it watches.
    #[track_caller]
    pub fn registered(server: SocketAddr, user: &str, password: &str, friends: &[&str]) -> Self {
        let folder = tempfile::Builder::new().prefix("hark-linphone-").tempdir().expect("a folder");
        let home = folder.path().to_owned();
        for path in [".local/share/linphone", ".config/linphone"] {
            fs::create_dir_all(home.join(path)).expect("a folder");
        }
        let rc = home.join("linphonerc");
        fs::write(&rc, config(server, user, password, friends)).expect("linphone's configuration");
        let mut command = Command::new("linphonec");
        command.arg("-c").arg(&rc).env("HOME", &home).current_dir(&home);
        let mut process = Process::start(&format!("linphone of {user}"), command);
        let input = process.stdin();
        let mut phone = Self { folder, process, input };
        phone.wait_registered();
        phone.run("soundcard use files");
        phone
    }

    /// Asks until it says that the registrar took it; it prints nothing of its own accord.
    #[track_caller]
    fn wait_registered(&mut self) {
        let mut asked = None;
        wait::until("linphone to be registered", wait::LATER, || {
            if asked.is_none_or(|asked: Instant| asked.elapsed() > ANSWERS_WITHIN) {
                self.run("status register");
                asked = Some(Instant::now());
            }
            self.process.output().contains("registered, identity=").then_some(())
        });
    }

    /// Types a line.
    #[track_caller]
    pub fn run(&mut self, line: &str) {
        writeln!(self.input, "{line}").expect("linphone takes commands");
    }

    /// Waits until it has printed a line that contains `text`; that line.
    #[track_caller]
    pub fn wait_printed(&mut self, text: &str) -> String {
        self.process.wait_line(&format!("\"{text}\""), wait::LATER, |line| {
            line.contains(text).then(|| line.to_owned())
        })
    }

    /// Calls a number of its server, and waits until it is answered.
    #[track_caller]
    pub fn call(&mut self, number: &str) {
        self.run(&format!("call {number}"));
        self.wait_printed("connected");
        self.record();
    }

    /// Waits until it is called, and picks up.
    #[track_caller]
    pub fn answer(&mut self) {
        self.wait_printed("Receiving new incoming call");
        self.run("answer");
        self.wait_printed("connected");
        self.record();
    }

    /// Presses a key.
    #[track_caller]
    pub fn press(&mut self, key: char) {
        self.run(&key.to_string());
    }

    /// Begins to say something; silence follows it.
    #[track_caller]
    pub fn say(&mut self, said: &Sound) {
        let path = self.folder.path().join("said.wav");
        said.write_wav(&path);
        self.run(&format!("play {}", path.display()));
    }

    /// Waits until something other than silence is heard, from now on.
    #[track_caller]
    pub fn wait_sound(&mut self) {
        let from = self.heard().0.len();
        wait::until("something to be heard", wait::LATER, || {
            self.heard().0.get(from..)?.chunks_exact(audio::FRAME).any(audio::is_loud).then_some(())
        });
    }

    /// Waits for the tone after which to speak.
    #[track_caller]
    pub fn wait_beep(&mut self) {
        wait::until("the beep", wait::LATER, || audio::beep_end(&self.heard().0, 0));
    }

    /// Waits until `said` is heard in this call: at least `alike`, 0 to 1.
    #[track_caller]
    pub fn wait_heard(&mut self, said: &Sound, alike: f64) {
        let mut looked = 0;
        wait::until(&format!("hearing a sound of {:?}", said.length()), wait::LATER, || {
            let heard = self.heard();
            if heard.0.len() < looked + audio::RATE {
                return None;
            }
            looked = heard.0.len();
            let (likeness, at) = heard.best_match(said);
            println!("{likeness:.3} alike at sample {at} of {}", heard.0.len());
            (likeness >= alike).then_some(())
        });
    }

    /// Waits until the call is over.
    #[track_caller]
    pub fn wait_ended(&mut self) {
        self.wait_printed("ended");
    }

    /// What it has heard since it was told to record.
    pub fn heard(&self) -> Sound {
        let bytes = fs::read(self.heard_file()).unwrap_or_default();
        let samples = bytes.get(WAV_HEADER..).unwrap_or_default();
        Sound(samples.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect())
    }

    fn record(&mut self) {
        let path = self.heard_file();
        self.run(&format!("record {}", path.display()));
    }

    fn heard_file(&self) -> PathBuf {
        self.folder.path().join("heard.wav")
    }
}

fn config(server: SocketAddr, user: &str, password: &str, friends: &[&str]) -> String {
    let first = ports::in_a_row(MEDIA_PORTS);
    let mut text = format!(
        "[sip]\nsip_port=-1\nsip_tcp_port=-1\nmedia_encryption=none\ndefault_proxy=0\n\
         [rtp]\naudio_rtp_port={first}-{last}\n\
         [misc]\nprefer_basic_chat_room=1\n\
         [audio_codec_0]\nmime=PCMU\nrate=8000\nchannels=1\nenabled=1\n\
         [proxy_0]\nreg_proxy=<sip:{server}>\nreg_route=<sip:{server};lr>\n\
         reg_identity=sip:{user}@localhost\nreg_expires=600\nreg_sendregister=1\npublish=1\n\
         [auth_info_0]\nusername={user}\npasswd={password}\nrealm=localhost\n",
        last = first + MEDIA_PORTS - 1,
    );
    for (number, friend) in friends.iter().enumerate() {
        text += &format!("[friend_{number}]\nurl=<{friend}>\npol=accept\nsubscribe=1\n");
    }
    text
}
