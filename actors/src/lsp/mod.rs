//! `hark dialplan lsp`: what editors ask about `.dial` files, over standard input and output
//! (Language Server Protocol 3.17). What is answered is decided by [`hark_engine::dialplan::ide`].
//!
//! ```text
//!  editor ── JSON-RPC ──► server ── names, bytes ──► documents ──► engine's Analysis
//!                           ▲    convert (URIs, UTF-16)    ▲
//!                           │                              └── buffers over files on the disk
//!                           └── diagnostics, a moment after the last change
//! ```
//!
//! One thread answers, one request after the other. It is no actor: it lives as long as its
//! editor, and owns nothing that outlives it.

mod convert;
mod documents;
mod position;
mod server;

pub use server::{LspError, serve};
