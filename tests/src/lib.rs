//! The harness of the system tests: a site of the real server, and real clients around it.
//!
//! | module | what it drives |
//! |---|---|
//! | [`site`] | the `hark` binary on a folder of its own: start, `kill -9`, restart on the same ports |
//! | [`phone`] | baresip, a softphone: register, dial, listen, speak, press keys |
//! | [`linphone`] | linphone, another one, by what one types into linphonec |
//! | [`sipp`] | sipp, with the scenarios of `tests/sipp/` |
//! | [`browser`] | Debian's Chromium through playwright-core, with a WAV file as its microphone |
//! | [`peer`], [`call`], [`callee`], [`answering`] | a small SIP and RTP endpoint written by hand, where instants have to be measured or packets have to be wrong |
//! | [`softphone`] | a softphone written by hand: subscriptions, presence, texts |
//! | [`http`], [`live`] | the HTTP API and the WebSocket |
//! | [`mail`], [`receiver`] | an SMTP server, and a web service that writes down what it is sent |
//! | [`audio`] | speech to say, and the judgement whether it was heard |
//! | [`story`] | what several tests do with a server: leave a message, look into the spool |
//! | [`faulty`] | a disk on which the *n*-th operation fails, for files and for SQLite |
//! | [`ports`] | ports for programs that have to be told which |
//! | [`corpus`] | test data that lies beside the project |
//!
//! Rules: wait for something that can be seen, never for time to pass; every wait is bounded and
//! says what it waited for ([`wait`]); every process is ended by its id when its owner is dropped
//! ([`process`]).

pub mod answering;
pub mod audio;
pub mod browser;
pub mod call;
pub mod callee;
pub mod corpus;
pub mod digest;
pub mod faulty;
pub mod http;
pub mod linphone;
pub mod live;
pub mod mail;
pub mod peer;
pub mod phone;
pub mod ports;
pub mod process;
pub mod receiver;
pub mod rtp;
pub mod sip;
pub mod sipp;
pub mod site;
pub mod softphone;
pub mod story;
pub mod wait;
