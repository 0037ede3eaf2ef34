//! `hark user …`: users are made while the server is stopped, for it reads them at its start.

mod data;

use std::io::BufRead;
use std::process::ExitCode;

use hark_actors::site::{Credentials, create_user};
use hark_actors::store::{Store, StoreConfig};
use hark_actors::users::{UserError, hash_pin};

use super::{ConfigFile, WRONG_INPUT, complain, runtime, say};

/// The shortest password that is taken.
const SHORTEST_PASSWORD: usize = 8;

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
        let registry = Default::default();
        let store = match Store::open(StoreConfig::new(&config.storage.dir), &registry) {
            Ok(store) => store,
            Err(error) => return complain(&error, ExitCode::FAILURE),
        };
        let runtime = match runtime() {
            Ok(runtime) => runtime,
            Err(code) => return code,
        };
        match self {
            Self::List { .. } => match runtime.block_on(store.users()) {
                Ok(users) => {
                    for user in users {
                        say(&format_args!(
                            "{}\t{}\t{}",
                            user.name, user.extension, user.display_name
                        ));
                    }
                    ExitCode::SUCCESS
                }
                Err(error) => complain(&error, ExitCode::FAILURE),
            },
            Self::Add { name, extension, display_name, .. } => {
                if let Err(what) = plausible(&name, &extension) {
                    return complain(&what, ExitCode::from(WRONG_INPUT));
                }
                let password = match read_password() {
                    Ok(password) => password,
                    Err(what) => return complain(&what, ExitCode::from(WRONG_INPUT)),
                };
                let new = Credentials {
                    name: &name,
                    display_name: &display_name,
                    extension: &extension,
                    password: &password,
                };
                let hark_actors::config::Config { site, messages, .. } = &config;
                let limit = messages.limit_seconds;
                let added = create_user(&store, &site.domain, &site.language, limit, &new);
                match runtime.block_on(added) {
                    Ok(_) => ExitCode::SUCCESS,
                    Err(error) => complain(&error, ExitCode::FAILURE),
                }
            }
            Self::Data(data) => match runtime.block_on(data.act(&store, &config.site.domain)) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) if error.is_input() => complain(&error, ExitCode::from(WRONG_INPUT)),
                Err(error) => complain(&error, ExitCode::FAILURE),
            },
            Self::Pin { name, .. } => {
                let digits = match read_line() {
                    Ok(digits) => digits,
                    Err(what) => return complain(&what, ExitCode::from(WRONG_INPUT)),
                };
                match runtime.block_on(set_pin(&store, &name, digits)) {
                    Ok(()) => ExitCode::SUCCESS,
                    Err(error @ UserError::Pin(_)) => complain(&error, ExitCode::from(WRONG_INPUT)),
                    Err(error) => complain(&error, ExitCode::FAILURE),
                }
            }
        }
    }
}

async fn set_pin(store: &Store, name: &str, digits: String) -> Result<(), UserError> {
    let users = store.users().await?;
    let user = users.iter().find(|user| user.name.eq_ignore_ascii_case(name));
    let user = user.ok_or(UserError::Refused("there is no such user: see hark user list"))?;
    let hash = hash_pin(digits, &user.extension).await?;
    Ok(store.set_pin(user.id, hash).await?)
}

fn plausible(name: &str, extension: &str) -> Result<(), &'static str> {
    let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
    if name.is_empty() || name.len() > 32 || !name.chars().all(letters) {
        return Err("a name is 1 to 32 of a-z, 0-9, '.', '_', '-'");
    }
    if extension.is_empty()
        || extension.len() > 12
        || !extension.bytes().all(|b| b.is_ascii_digit())
    {
        return Err("an extension is 1 to 12 digits");
    }
    Ok(())
}

fn read_line() -> Result<String, String> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).map_err(|e| e.to_string())?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn read_password() -> Result<String, String> {
    let password = read_line()?;
    if password.chars().count() < SHORTEST_PASSWORD {
        return Err(format!(
            "a password has at least {SHORTEST_PASSWORD} characters: give it on standard input"
        ));
    }
    Ok(password)
}
