//! SIP sockets around the engine's endpoint.

use hark_engine::sip::endpoint::Command;

/// Where commands to the endpoint go.
#[derive(Clone, Debug)]
pub struct SipHandle;

impl SipHandle {
    /// Hands a command over.
    pub fn command(&self, _command: Command) {}
}
