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
    let (mut interrupt, mut terminate) =
        match (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) {
            (Ok(interrupt), Ok(terminate)) => (interrupt, terminate),
            (Err(error), _) | (_, Err(error)) => return complain(&error, ExitCode::FAILURE),
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
    let code = tokio::select! {
        _ = interrupt.recv() => ExitCode::SUCCESS,
        _ = terminate.recv() => ExitCode::SUCCESS,
        () = server.failed() => ExitCode::FAILURE,
    };
    tracing::info!("stopping: new calls are refused, what is being said is kept");
    server.stop().await;
    code
}
