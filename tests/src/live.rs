//! The WebSocket of a signed-in user.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use tungstenite::{ClientRequestBuilder, Error, Message, WebSocket};

use crate::http::Http;
use crate::wait;

/// An open WebSocket.
pub struct Live {
    socket: WebSocket<TcpStream>,
    unread: VecDeque<Value>,
}

impl Live {
    /// Opens it with the session of `http`.
    #[track_caller]
    pub fn open(http: &Http) -> Self {
        Self::try_open(http, http.base()).unwrap_or_else(|error| panic!("the WebSocket: {error}"))
    }

    /// Tries to open it, claiming to be a page of `origin`.
    pub fn try_open(http: &Http, origin: &str) -> Result<Self, String> {
        let host = http.base().trim_start_matches("http://");
        let uri = format!("ws://{host}/ws").parse().map_err(|error| format!("{error}"))?;
        let mut request = ClientRequestBuilder::new(uri).with_header("Origin", origin);
        if let Some(cookie) = http.cookie() {
            request = request.with_header("Cookie", cookie);
        }
        let stream = TcpStream::connect(host).map_err(|error| error.to_string())?;
        let (socket, _) =
            tungstenite::client(request, stream).map_err(|error| error.to_string())?;
        socket.get_ref().set_nonblocking(true).map_err(|error| error.to_string())?;
        Ok(Self { socket, unread: VecDeque::new() })
    }

    /// Waits for a frame of this type; frames of other types before it are put aside.
    #[track_caller]
    pub fn wait(&mut self, kind: &str, at_most: Duration) -> Value {
        self.wait_for(kind, at_most, |_| true)
    }

    /// Waits for a frame of this type that `wanted` accepts.
    #[track_caller]
    pub fn wait_for(
        &mut self,
        kind: &str,
        at_most: Duration,
        wanted: impl Fn(&Value) -> bool,
    ) -> Value {
        wait::until(&format!("a `{kind}` frame"), at_most, || {
            self.read();
            let at = self.unread.iter().position(|frame| frame["type"] == kind && wanted(frame))?;
            self.unread.remove(at)
        })
    }

    /// How many frames of this type have arrived that nobody waited for.
    pub fn count(&mut self, kind: &str) -> usize {
        self.read();
        self.unread.iter().filter(|frame| frame["type"] == kind).count()
    }

    /// Waits until the server has closed it.
    #[track_caller]
    pub fn wait_closed(&mut self, at_most: Duration) {
        wait::until("the WebSocket to be closed", at_most, || match self.socket.read() {
            Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => None,
            Ok(Message::Close(_)) | Err(_) => Some(()),
            Ok(_) => None,
        });
    }

    /// Sends a text frame.
    #[track_caller]
    pub fn send(&mut self, frame: &Value) {
        self.write(Message::text(frame.to_string()));
    }

    /// Sends a binary frame.
    #[track_caller]
    pub fn send_binary(&mut self, bytes: &[u8]) {
        self.write(Message::binary(bytes.to_vec()));
    }

    #[track_caller]
    fn write(&mut self, message: Message) {
        let mut sent = self.socket.send(message);
        // A full socket buffer empties as the server reads.
        wait::until("the WebSocket to take a frame", wait::SOON, || match &sent {
            Ok(()) => Some(()),
            Err(error) if would_block(error) => {
                sent = self.socket.flush();
                None
            }
            Err(error) => panic!("the WebSocket: {error}"),
        });
    }

    fn read(&mut self) {
        loop {
            match self.socket.read() {
                Ok(Message::Text(text)) => {
                    let frame: Value = serde_json::from_str(&text).expect("frames are JSON");
                    match frame["type"] == "ping" {
                        true => self.send(&json!({ "type": "pong" })),
                        false => self.unread.push_back(frame),
                    }
                }
                Ok(Message::Close(_)) => return,
                Ok(_) => {}
                Err(error) if would_block(&error) => return,
                Err(Error::ConnectionClosed | Error::AlreadyClosed) => return,
                Err(error) => panic!("the WebSocket: {error}"),
            }
        }
    }
}

fn would_block(error: &Error) -> bool {
    matches!(error, Error::Io(error) if error.kind() == ErrorKind::WouldBlock)
}
