//! `hark serve`.

use std::io::IsTerminal;
use std::process::ExitCode;

use hark_actors::config::Config;
use hark_actors::server::Server;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use super::{ConfigFile, WRONG_INPUT, complain, runtime, say};
use crate::banner;

/// Serve phones and browsers until stopped.
#[derive(Debug, clap::Args)]
pub struct Serve {
    #[command(flatten)]
    config: ConfigFile,
}

impl Serve {
    pub fn run(self) -> ExitCode {
        let config = match self.config.read() {
            Ok(config) => config,
            Err(code) => return code,
        };
        let filter = EnvFilter::try_from_env("HARK_LOG")
            .unwrap_or_else(|_| EnvFilter::new("warn,hark=info,hark_actors=info"));
        // Standard output is for the banner; a log in it would be nobody's to read.
        tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            .with_ansi(std::io::stderr().is_terminal())
            .init();
        match runtime() {
            Ok(runtime) => runtime.block_on(serve(config)),
            Err(code) => code,
        }
    }
}

async fn serve(config: Config) -> ExitCode {
    // Taken first: a signal that comes while everything starts must not be lost.
    let signals = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
        signal(SignalKind::hangup()),
    );
    let (mut interrupt, mut terminate, mut hangup) = match signals {
        (Ok(interrupt), Ok(terminate), Ok(hangup)) => (interrupt, terminate, hangup),
        (Err(error), ..) | (_, Err(error), _) | (.., Err(error)) => {
            return complain(&error, ExitCode::FAILURE);
        }
    };
    let mut server = match Server::start(config.clone()).await {
        Ok(server) => server,
        Err(error) => {
            let code = if error.is_configuration() {
                ExitCode::from(WRONG_INPUT)
            } else {
                ExitCode::FAILURE
            };
            return complain(&error, code);
        }
    };
    say(&banner::banner(&config, &server));
    say(&banner::ready(&server));
    let code = loop {
        tokio::select! {
            _ = interrupt.recv() => break ExitCode::SUCCESS,
            _ = terminate.recv() => break ExitCode::SUCCESS,
            () = server.failed() => break ExitCode::FAILURE,
            _ = hangup.recv() => {
                tracing::info!("a reload is asked for by SIGHUP");
                let reloads = server.reloads().clone();
                tokio::spawn(async move {
                    // What came of it is in the log.
                    if let Err(error) = reloads.reload().await {
                        tracing::warn!(%error, "nothing is reloaded");
                    }
                });
            }
        }
    };
    tracing::info!("stopping: new calls are refused, what is being said is kept");
    server.stop().await;
    code
}
