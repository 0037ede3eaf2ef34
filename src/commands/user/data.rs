//! What is done with everything that a user has: hold, keep for how long, export, erase.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use hark_actors::admin::{AdminError, Request, fetch};
use hark_actors::config::Config;
use hark_actors::operator::{Failure, RetentionOrder, UserOrder};
use hark_engine::retention::Override;

use super::{ConfigFile, WRONG_INPUT, complain, operator};
use crate::commands::runtime;

/// Everything that a user has.
#[derive(Debug, clap::Subcommand)]
pub enum Data {
    /// Let a legal hold stand for a user: nothing of theirs is removed, whatever its age.
    Hold {
        #[command(flatten)]
        config: ConfigFile,
        /// The sign-in name.
        name: String,
        /// End the hold.
        #[arg(long)]
        release: bool,
    },
    /// Set for how long a user's messages are kept, where that differs from [retention].
    Retention {
        #[command(flatten)]
        config: ConfigFile,
        /// The sign-in name.
        name: String,
        /// Days until a heard message expires; 0 is never.
        #[arg(long)]
        heard_days: Option<u32>,
        /// The same of one that was kept.
        #[arg(long)]
        saved_days: Option<u32>,
        /// The same of one that was never heard.
        #[arg(long)]
        unheard_days: Option<u32>,
        /// Days in which a deleted message can be taken back.
        #[arg(long)]
        deleted_days: Option<u32>,
        /// Minutes that the mailbox holds; 0 is without a limit.
        #[arg(long)]
        quota_minutes: Option<u32>,
        /// MiB that the mailbox holds; 0 is without a limit.
        #[arg(long)]
        quota_mib: Option<u32>,
        /// Take everything from [retention] again.
        #[arg(long)]
        reset: bool,
    },
    /// Write everything that a user has into a tar archive.
    Export {
        #[command(flatten)]
        config: ConfigFile,
        /// The sign-in name.
        name: String,
        /// The archive.
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
    },
    /// Erase a user and everything of theirs. What they sent to others stays with those, without
    /// their name. This can't be undone.
    Erase {
        #[command(flatten)]
        config: ConfigFile,
        /// The sign-in name.
        name: String,
        /// Yes, for good.
        #[arg(long)]
        yes: bool,
    },
}

impl Data {
    pub fn config(&self) -> &ConfigFile {
        let (Self::Hold { config, .. }
        | Self::Retention { config, .. }
        | Self::Export { config, .. }
        | Self::Erase { config, .. }) = self;
        config
    }

    pub fn run(self, config: &Config) -> ExitCode {
        let order = match self {
            Self::Hold { name, release, .. } => UserOrder::Hold { name, hold: !release },
            Self::Retention {
                name,
                heard_days,
                saved_days,
                unheard_days,
                deleted_days,
                quota_minutes,
                quota_mib,
                reset,
                ..
            } => {
                let differs = Override {
                    heard_days,
                    saved_days,
                    unheard_days,
                    deleted_days,
                    quota_minutes,
                    quota_mib,
                };
                UserOrder::Retention(RetentionOrder { name, differs, reset })
            }
            Self::Export { name, output, .. } => return export(config, &name, &output),
            Self::Erase { yes: false, .. } => {
                let what =
                    "erasing can't be undone: say --yes (and export first: hark user export)";
                return complain(&what, ExitCode::from(WRONG_INPUT));
            }
            Self::Erase { name, .. } => UserOrder::Erase { name },
        };
        super::carry_out(config, order)
    }
}

fn export(config: &Config, name: &str, output: &Path) -> ExitCode {
    let failed = |error: std::io::Error| {
        // A part of an archive is none.
        let _absent = std::fs::remove_file(output);
        complain(&format_args!("can't write {}: {error}", output.display()), ExitCode::FAILURE)
    };
    // Nobody else reads it.
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut out = match options.open(output) {
        Ok(file) => BufWriter::new(file),
        Err(error) => {
            let what = format_args!("can't write {}: {error}", output.display()).to_string();
            return complain(&what, ExitCode::FAILURE);
        }
    };
    let request = Request::Export { user: name.to_owned() };
    match fetch(&config.storage.dir, &request, &mut out) {
        Ok(()) => return ExitCode::SUCCESS,
        Err(AdminError::NoServer { .. }) => {}
        Err(error) => {
            let _absent = std::fs::remove_file(output);
            let wrong = matches!(error, AdminError::Refused(_));
            let code = if wrong { ExitCode::from(WRONG_INPUT) } else { ExitCode::FAILURE };
            return complain(&error, code);
        }
    }
    let (operator, runtime) = match operator::alone(config).and_then(|o| Ok((o, runtime()?))) {
        Ok(opened) => opened,
        Err(code) => return code,
    };
    let written = runtime.block_on(async {
        let mut pieces = operator.export(name).await.map_err(Failure::from)?;
        while let Some(piece) = pieces.recv().await {
            if let Err(error) = piece.and_then(|piece| out.write_all(&piece)) {
                return Ok(Err(error));
            }
        }
        Ok::<_, Failure>(out.flush())
    });
    match written {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => failed(error),
        Err(failure) => {
            let _absent = std::fs::remove_file(output);
            operator::failed(&failure)
        }
    }
}
