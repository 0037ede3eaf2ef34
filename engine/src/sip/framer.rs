//! Messages in a stream (RFC 3261 section 18.3, RFC 5626 section 4.4.1).

use bytes::{Buf, BytesMut};

use super::message::Message;
use super::wire::{Fault, Head, MAX_BODY, MAX_HEAD, ParseError, head_end};

/// What stands in a stream.
#[allow(clippy::large_enum_variant, reason = "nearly every frame is a message")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A message.
    Message(Message),
    /// Two line breaks: a ping, to be answered with one (`\r\n`).
    KeepAlive,
}

/// Finds the messages in the octets of one connection, however they were cut.
///
/// After each [`push`](Self::push), [`next`](Self::next) is to be called until it answers
/// `None`: then no more than one unfinished message is held. When the boundaries of messages
/// are lost, [`is_broken`](Self::is_broken) says so, and the connection has to be closed after
/// the answer was sent.
#[derive(Debug, Default)]
pub struct StreamFramer {
    buffer: BytesMut,
    /// How far the search for the end of the head has come.
    scanned: usize,
    /// Line breaks since the last frame.
    breaks: u8,
    /// The head whose body is not complete: where it ends, and how long the body is.
    head: Option<(Head, usize, usize)>,
    broken: bool,
}

impl StreamFramer {
    /// A framer at the start of a connection.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in octets. After the framing is lost they are thrown away.
    pub fn push(&mut self, octets: &[u8]) {
        if !self.broken {
            self.buffer.extend_from_slice(octets);
        }
    }

    /// Whether the boundaries of messages are lost: close the connection.
    pub const fn is_broken(&self) -> bool {
        self.broken
    }

    /// Whether a message has begun and not ended.
    pub fn is_midway(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// The next frame, if it is complete. (Not an `Iterator`: `None` is not the end.)
    #[allow(
        clippy::should_implement_trait,
        reason = "a framer waits for more bytes; an iterator would end"
    )]
    pub fn next(&mut self) -> Option<Result<Frame, ParseError>> {
        if self.broken {
            return None;
        }
        if self.head.is_none() {
            if self.skip_line_breaks() {
                return Some(Ok(Frame::KeepAlive));
            }
            match self.read_head()? {
                Ok(head) => self.head = Some(head),
                Err(error) => return Some(Err(self.lose(error))),
            }
        }
        let (head, end, length) = self.head.take()?;
        if self.buffer.len() < end + length {
            self.head = Some((head, end, length));
            return None;
        }
        self.buffer.advance(end);
        self.scanned = 0;
        let body = self.buffer.split_to(length).freeze();
        Some(head.message(body).map(Frame::Message))
    }

    /// Skips line breaks between messages; answers whether two made a ping.
    fn skip_line_breaks(&mut self) -> bool {
        loop {
            match self.buffer.as_ref() {
                [b'\r', b'\n', ..] => {
                    self.buffer.advance(2);
                    self.breaks += 1;
                    if self.breaks == 2 {
                        self.breaks = 0;
                        return true;
                    }
                }
                [b'\n', ..] => self.buffer.advance(1),
                [] | [b'\r'] => return false,
                [..] => {
                    self.breaks = 0;
                    return false;
                }
            }
        }
    }

    /// Reads the head once it is complete, and checks that its body can be found.
    fn read_head(&mut self) -> Option<Result<(Head, usize, usize), ParseError>> {
        // An empty line that a cut parted is found by looking three octets back.
        let end = head_end(&self.buffer, self.scanned.saturating_sub(3));
        let Some(end) = end.filter(|&end| end <= MAX_HEAD) else {
            self.scanned = self.buffer.len();
            if self.scanned <= MAX_HEAD {
                return None;
            }
            return Some(Err(Head::read(&self.buffer[..MAX_HEAD]).refuse(Fault::HeadTooLarge)));
        };
        let head = Head::read(&self.buffer[..end]);
        let fault = match head.content_length() {
            Ok(Some(length)) if length <= MAX_BODY => return Some(Ok((head, end, length))),
            Ok(Some(_)) => Fault::BodyTooLarge,
            Ok(None) => Fault::NoContentLength,
            Err(fault) => fault,
        };
        Some(Err(head.refuse(fault)))
    }

    fn lose(&mut self, error: ParseError) -> ParseError {
        self.broken = true;
        self.buffer = BytesMut::new();
        error
    }
}

#[cfg(test)]
#[path = "framer_tests.rs"]
mod tests;
