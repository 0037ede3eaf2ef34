//! One subject in its own process: sets up the calls, lets them settle, and measures itself.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use hark_actors::media::{
    MediaConfig, MediaPlane, MediaSession, PlayRequest, RecordRequest, RecordSink, RecordedFrame,
    RemoteMedia, SinkFull,
};
use hark_engine::key::KeySet;
use hark_engine::media::{Clip, Codec};
use prometheus::Registry;

use crate::{Figures, Mode, Outcome, bare};

/// How long calls run before anything is measured.
const SETTLE: Duration = Duration::from_secs(2);
/// How long the last packets and counts may take to arrive.
const QUIET: Duration = Duration::from_millis(600);

pub fn run(subject: &str, mode: Mode, calls: usize, length: Duration) -> Outcome {
    let figures = match subject {
        "hark" => hark(mode, calls, length)?,
        "bare" => bare(mode, calls, length)?,
        other => return Err(format!("{other} is neither hark nor bare").into()),
    };
    let Figures { cpu, memory_kb, late, packets, lost } = figures;
    println!("{cpu} {memory_kb} {late} {packets} {lost}");
    Ok(())
}

fn hark(mode: Mode, calls: usize, length: Duration) -> Outcome<Figures> {
    let registry = Registry::new();
    let config = MediaConfig { max_sessions: calls, ..MediaConfig::default() };
    let plane = MediaPlane::start(config, &registry)?;
    let clip = Arc::new(Clip::tone(440.0, Duration::from_secs(10)));
    clip.encoded(Codec::Pcmu);
    let before = resident_kb()?;
    let sessions: Vec<_> = (0..calls).map(|_| plane.open(|_| {})).collect::<Result<_, _>>()?;
    let ports: Vec<u16> = sessions.iter().map(|session| session.local_addr().port()).collect();
    let generator = Generator::start(mode, calls, &ports)?;
    for (session, peer) in sessions.iter().zip(&generator.peers) {
        begin(session, *peer, mode, &clip);
    }
    std::thread::sleep(SETTLE);
    let sum = |name: &str| {
        let families = registry.gather();
        let family = families.iter().find(|family| family.name() == name);
        family.map_or(0.0, |family| family.get_metric()[0].get_counter().get_value())
    };
    let packets = match mode {
        Mode::Play => "hark_media_packets_sent_total",
        Mode::Record => "hark_media_packets_received_total",
    };
    let late = "hark_media_late_frames_total";
    let (packets_before, late_before) = (sum(packets), sum(late));
    let cpu = measure_cpu(length)?;
    let (packets_after, late_after) = (sum(packets), sum(late));
    let memory_kb = (resident_kb()? - before) / calls as f64;
    // Whoever sends stops first, so that nothing is under way when both sides are compared.
    let (sent, received) = match mode {
        Mode::Play => {
            drop(sessions);
            std::thread::sleep(QUIET);
            let sent = sum(packets);
            (sent, generator.stop()? as f64)
        }
        Mode::Record => {
            let sent = generator.stop()? as f64;
            std::thread::sleep(QUIET);
            (sent, sum(packets))
        }
    };
    Ok(Figures {
        cpu: cpu / calls as f64,
        memory_kb,
        late: (late_after - late_before) as u64,
        packets: (packets_after - packets_before) / length.as_secs_f64(),
        lost: (100.0 * (sent - received) / sent).max(0.0),
    })
}

fn begin(session: &MediaSession, peer: SocketAddr, mode: Mode, clip: &Arc<Clip>) {
    session.connect(RemoteMedia {
        addr: peer,
        signalling: None,
        codec: Codec::Pcmu,
        payload_type: 0,
        dtmf_payload_type: Some(101),
        ptime_ms: 20,
        send: true,
        receive: true,
        rtcp_mux: false,
    });
    match mode {
        Mode::Play => {
            let clips = vec![Arc::clone(clip); 360];
            session.play(PlayRequest { id: 0, clips, stop_on: KeySet::ALL });
        }
        Mode::Record => session.record(RecordRequest {
            id: 0,
            sink: Box::new(Forget),
            max: Duration::from_secs(3600),
            stop_on: KeySet::ALL,
            silence: Some(Duration::from_secs(3600)),
        }),
    }
}

/// Takes frames as a spool's queue would, and forgets them.
struct Forget;

impl RecordSink for Forget {
    fn append(&mut self, frames: &[RecordedFrame]) -> Result<(), SinkFull> {
        std::hint::black_box(frames);
        Ok(())
    }
}

fn bare(mode: Mode, calls: usize, length: Duration) -> Outcome<Figures> {
    let sockets = bare::sockets(calls)?;
    let ports = sockets.iter().map(|s| Ok(s.local_addr()?.port())).collect::<Outcome<Vec<_>>>()?;
    let generator = Generator::start(mode, calls, &ports)?;
    let stop = Arc::new(AtomicBool::new(false));
    let count = Arc::new(AtomicU64::new(0));
    let threads = match mode {
        Mode::Play => {
            let pairs = sockets.into_iter().zip(generator.peers.iter().copied()).collect();
            bare::send(pairs, Arc::clone(&stop), Arc::clone(&count))
        }
        Mode::Record => bare::receive(sockets, 1, Arc::clone(&stop), Arc::clone(&count))?,
    };
    std::thread::sleep(SETTLE);
    let before = count.load(Ordering::Acquire);
    let cpu = measure_cpu(length)?;
    let packets = (count.load(Ordering::Acquire) - before) as f64;
    stop.store(true, Ordering::Release);
    threads.join();
    generator.stop()?;
    let packets = packets / length.as_secs_f64();
    Ok(Figures { cpu: cpu / calls as f64, packets, ..Figures::default() })
}

/// The other ends of the calls.
struct Generator {
    child: Child,
    answers: BufReader<ChildStdout>,
    peers: Vec<SocketAddr>,
}

impl Generator {
    fn start(mode: Mode, calls: usize, ports: &[u16]) -> Outcome<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["generate", mode.name(), &calls.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().ok_or("the generator has no output")?;
        let mut answers = BufReader::new(stdout);
        let peer = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let peers = match mode {
            Mode::Play => {
                let mut line = String::new();
                answers.read_line(&mut line)?;
                let ports = line.split_whitespace().map(|port| Ok(peer(port.parse()?)));
                ports.collect::<Outcome<Vec<_>>>()?
            }
            Mode::Record => {
                let list: Vec<String> = ports.iter().map(u16::to_string).collect();
                let stdin = child.stdin.as_mut().ok_or("the generator has no input")?;
                writeln!(stdin, "{}", list.join(" "))?;
                // Where nobody listens: only keep-alives go there.
                ports.iter().map(|_| peer(9)).collect()
            }
        };
        if peers.len() != calls {
            return Err(format!("the generator has {} peers for {calls} calls", peers.len()).into());
        }
        Ok(Self { child, answers, peers })
    }

    /// Ends it and answers how many packets it sent or received.
    fn stop(mut self) -> Outcome<u64> {
        drop(self.child.stdin.take());
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        self.child.wait()?;
        Ok(line.trim().parse()?)
    }
}

/// The CPU time of this process's threads over a while, in percent of one core.
fn measure_cpu(length: Duration) -> Outcome<f64> {
    let start = std::time::Instant::now();
    let before = cpu_nanos()?;
    std::thread::sleep(length);
    let used = cpu_nanos()? - before;
    Ok(100.0 * used / start.elapsed().as_nanos() as f64)
}

/// Nanoseconds on a CPU of all threads, as the scheduler counts them: the ticks of
/// /proc/self/stat are 10 ms long, too coarse for a hundred calls.
fn cpu_nanos() -> Outcome<f64> {
    let mut sum = 0.0;
    for task in std::fs::read_dir("/proc/self/task")? {
        let text = std::fs::read_to_string(task?.path().join("schedstat"))?;
        sum += text.split_whitespace().next().ok_or("schedstat is empty")?.parse::<f64>()?;
    }
    Ok(sum)
}

fn resident_kb() -> Outcome<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next()).ok_or("no VmRSS")?;
    Ok(number.parse()?)
}
