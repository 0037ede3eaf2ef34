//! `hark user …`: through the running server where one runs, with effect at once; else on the
//! store itself.

mod data;

use std::io::BufRead;
use std::process::ExitCode;

use hark_actors::config::Config;
use hark_actors::operator::{Secret, UserAnswer, UserOrder};

use super::{ConfigFile, WRONG_INPUT, complain, operator, say};

/// Look after the users.
#[derive(Debug, clap::Subcommand)]
pub enum User {
    /// List the users.
    List {
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Add a user. The password is read from standard input, one line.
    Add {
        #[command(flatten)]
        config: ConfigFile,
        /// The sign-in name, and the user part of the SIP address.
        name: String,
        /// The extension that phones dial. Digits.
        #[arg(long)]
        extension: String,
        /// The name that people see and hear.
        #[arg(long)]
        display_name: String,
    },
    #[command(flatten)]
    Data(data::Data),
    /// Set a user's telephone PIN. Its digits are read from standard input, one line.
    Pin {
        #[command(flatten)]
        config: ConfigFile,
        /// The sign-in name.
        name: String,
    },
}

impl User {
    pub fn run(self) -> ExitCode {
        let config = match &self {
            Self::List { config } | Self::Add { config, .. } | Self::Pin { config, .. } => config,
            Self::Data(data) => data.config(),
        };
        let config = match config.read() {
            Ok(config) => config,
            Err(code) => return code,
        };
        let order = match self {
            Self::List { .. } => UserOrder::List {},
            Self::Add { name, extension, display_name, .. } => {
                let password = match read_secret() {
                    Ok(password) => password,
                    Err(code) => return code,
                };
                UserOrder::Add { name, extension, display_name, password }
            }
            Self::Pin { name, .. } => match read_secret() {
                Ok(digits) => UserOrder::Pin { name, digits },
                Err(code) => return code,
            },
            Self::Data(data) => return data.run(&config),
        };
        carry_out(&config, order)
    }
}

fn carry_out(config: &Config, order: UserOrder) -> ExitCode {
    match operator::users(config, order) {
        Ok(UserAnswer::Done) => ExitCode::SUCCESS,
        Ok(UserAnswer::Users(users)) => {
            for user in users {
                say(&format_args!("{}\t{}\t{}", user.name, user.extension, user.display_name));
            }
            ExitCode::SUCCESS
        }
        Ok(UserAnswer::Erased { removed, rewritten, compacted }) => {
            say(&format_args!(
                "erased: {removed} audio files removed, {rewritten} of others rewritten without the name"
            ));
            if !compacted {
                say(
                    &"the database is large and was not rewritten: its free pages may hold remains \
                     until it is (stop the server, and erase anybody or run VACUUM)",
                );
            }
            ExitCode::SUCCESS
        }
        Ok(UserAnswer::Failed(failure)) => operator::failed(&failure),
        Err(code) => code,
    }
}

fn read_secret() -> Result<Secret, ExitCode> {
    let mut line = String::new();
    match std::io::stdin().lock().read_line(&mut line) {
        Ok(_) => Ok(Secret::new(line.trim_end_matches(['\r', '\n']).to_owned())),
        Err(error) => Err(complain(&error, ExitCode::from(WRONG_INPUT))),
    }
}
