//! The real server on a free port, with a store in a temporary folder, driven from outside.

mod assets_and_probes;
mod audio;
mod harness;
mod interfaces;
mod links;
mod mailbox;
mod profile;
mod recording;
mod sign_in;
mod sockets;
mod uploads;
