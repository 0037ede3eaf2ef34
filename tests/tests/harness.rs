//! The harness itself, without a server: each driver against another real client or a static page.
//! When a story fails, these say whether its tools are to blame.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::process::Command;
use std::thread;
use std::time::Duration;

use hark_tests::audio::{self, Sound};
use hark_tests::browser::Browser;
use hark_tests::call::Call;
use hark_tests::peer::Account;
use hark_tests::phone::{Phone, PhoneOptions};
use hark_tests::process::Process;
use hark_tests::rtp::Press;
use hark_tests::wait;

/// sipp answers and echoes what it hears.
struct Echo {
    _process: Process,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

fn echo() -> Echo {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let scenario = concat!(env!("CARGO_MANIFEST_DIR"), "/sipp/answer.xml");
    let (port, media) = (free_udp_port(), free_udp_port());
    let mut command = Command::new("sipp");
    command.current_dir(folder.path()).args([
        "-sf",
        scenario,
        "-i",
        "127.0.0.1",
        "-mi",
        "127.0.0.1",
    ]);
    command.args(["-p", &port.to_string(), "-mp", &media.to_string(), "-rtp_echo", "-nostdin"]);
    let process = Process::start("sipp", command);
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    // It listens once the port can no longer be bound.
    wait::until("sipp to listen", wait::SOON, || UdpSocket::bind(address).is_err().then_some(()));
    Echo { _process: process, address, _folder: folder }
}

fn free_udp_port() -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    socket.local_addr().expect("a bound socket has an address").port()
}

#[test]
fn a_softphone_hears_what_it_said() {
    let echo = echo();
    let mut options = PhoneOptions::new(echo.address, "alice", "secret");
    options.register = false;
    let mut phone = Phone::start(options);
    phone.call("1002");
    let said = audio::sentence();
    phone.say(&said);
    assert!(phone.spoken() >= said.length());
    phone.wait_heard(&said, 0.95);
    phone.press('1');
    phone.hang_up();
    phone.wait_closed();
}

#[test]
fn a_softphone_is_called_and_answers() {
    let mut phone = Phone::start({
        let mut options = PhoneOptions::new(([127, 0, 0, 1], 9).into(), "bob", "secret");
        options.register = false;
        options
    });
    let account = Account::new(phone.address(), "somebody", "");
    let caller = thread::spawn(move || Call::dial(&account, "bob"));
    phone.wait_ringing();
    phone.answer();
    let call =
        caller.join().expect("the caller").unwrap_or_else(|refusal| panic!("{}", refusal.start));
    let said = audio::sentence();
    call.rtp.say(&said);
    phone.wait_heard(&said, 0.95);
    call.rtp.press(Press::of('5'));
    wait::until("the key to arrive", wait::SOON, || phone.saw("CALL_DTMF_START").then_some(()));
    drop(call);
    phone.wait_closed();
}

#[test]
fn a_hand_written_call_hears_its_echo() {
    let echo = echo();
    let mut call = Call::dial(&Account::stranger(echo.address), "1002")
        .unwrap_or_else(|no| panic!("{}", no.start));
    let said = audio::sentence();
    call.rtp.say(&said);
    wait::until("the echo", wait::LATER, || {
        (call.rtp.idle()
            && call.rtp.heard().spoken_length() >= said.length() - Duration::from_millis(60))
        .then_some(())
    });
    let (likeness, _) = call.rtp.heard().best_match(&said);
    assert!(likeness > 0.95, "{likeness}");
    call.hang_up();
}

#[test]
fn a_browser_fills_clicks_waits_and_notes() {
    let web = static_page(
        r#"<!doctype html><input data-testid="name"><button data-testid="go">go</button><script>
        document.querySelector("button").onclick = () => {
            const made = document.createElement("p");
            made.dataset.testid = "made";
            made.dataset.step = "one";
            made.textContent = document.querySelector("input").value;
            document.body.append(made);
            setTimeout(() => { made.dataset.step = "two"; }, 50);
        };
        </script>"#,
    );
    let mut browser = Browser::start();
    browser.open(&web);
    browser.fill("name", "bob");
    assert_eq!(browser.count("made"), 0);
    browser.click("go");
    browser.wait_attribute("made", "data-step", "two");
    assert_eq!(browser.text("made"), "bob");
    assert!(browser.first_seen("made").is_some());
    let steps: Vec<_> =
        browser.history("made", "data-step").into_iter().map(|(_, step)| step).collect();
    assert_eq!(steps, ["one", "two"]);
    assert_eq!(browser.errors(), [""; 0]);
}

#[test]
fn a_browser_hears_its_microphone_file_once() {
    let said = audio::sentence();
    let web = static_page("<!doctype html><title>microphone</title>");
    let mut browser = Browser::with_microphone(&said);
    browser.open(&web);
    let seconds = said.length().as_secs() * 2 + 2;
    let loudness = browser.evaluate(&format!(
        "(async () => {{
            const stream = await navigator.mediaDevices.getUserMedia({{ audio: true }});
            const context = new AudioContext();
            const analyser = context.createAnalyser();
            context.createMediaStreamSource(stream).connect(analyser);
            const samples = new Float32Array(analyser.fftSize);
            let loud = 0;
            for (let n = 0; n < {seconds} * 10; n++) {{
                await new Promise((done) => setTimeout(done, 100));
                analyser.getFloatTimeDomainData(samples);
                if (samples.some((sample) => Math.abs(sample) > 0.02)) loud++;
            }}
            return loud;
        }})()"
    ));
    let spoken = loudness.as_u64().expect("a count") * 100;
    let length = said.length().as_millis() as u64;
    assert!((length / 2..length * 3 / 2).contains(&spoken), "{spoken} ms of {length} ms");
}

#[test]
fn silence_is_no_match() {
    assert!(
        Sound::default().then_silence(Duration::from_secs(3)).best_match(&audio::sentence()).0
            < 0.1
    );
}

/// Serves one page on loopback for as long as the test runs; a localhost page may use the microphone.
fn static_page(html: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("a bound socket has an address").port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            // One page, whatever is asked for.
            drop(stream.read(&mut [0; 4096]));
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                html.len()
            );
            drop(stream.write_all((head + html).as_bytes()));
        }
    });
    format!("http://localhost:{port}/")
}
