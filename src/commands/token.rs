//! `hark token …`: through the running server where one runs, else on the store itself.

use std::process::ExitCode;

use hark_actors::admin::{AdminError, Request, ask};
use hark_actors::config::Config;
use hark_actors::store::{Store, StoreConfig};
use hark_actors::web::scopes::Scope;
use hark_actors::web::tokens::{TokenError, TokenLine, TokenOrder, operate};

use super::table::{self, Format};
use super::{ConfigFile, WRONG_INPUT, complain, runtime, say};

/// Look after the tokens with which applications come in.
#[derive(Debug, clap::Subcommand)]
pub enum Token {
    /// Make a token. Its secret is printed once, on standard output, and kept nowhere.
    Create {
        #[command(flatten)]
        config: ConfigFile,
        /// For whom it acts: a sign-in name.
        #[arg(long)]
        user: String,
        /// What it is called in lists.
        #[arg(long)]
        name: String,
        /// What it may do: messages:send, messages:read, messages:manage, contacts, stream,
        /// events, profile, chat. May be repeated.
        #[arg(long = "scope", required = true, value_delimiter = ',')]
        scopes: Vec<Scope>,
        /// After how many days it is worth nothing. Left out: never.
        #[arg(long)]
        days: Option<u32>,
    },
    /// List the tokens, without their secrets.
    List {
        #[command(flatten)]
        config: ConfigFile,
        /// Whose. Left out: everybody's.
        #[arg(long)]
        user: Option<String>,
        /// For people or for programs.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Revoke a token, by its number in the list.
    Revoke {
        #[command(flatten)]
        config: ConfigFile,
        /// Its number.
        id: i64,
    },
}

impl Token {
    pub fn run(self) -> ExitCode {
        let (Self::Create { config, .. } | Self::List { config, .. } | Self::Revoke { config, .. }) =
            &self;
        let config = match config.read() {
            Ok(config) => config,
            Err(code) => return code,
        };
        match self {
            Self::Create { user, name, scopes, days, .. } => {
                let order = TokenOrder::Create { user, name, scopes, days };
                match done(&config, order) {
                    Ok(made) => {
                        made.iter().filter_map(|line| line.secret.as_ref()).for_each(|s| say(s));
                        ExitCode::SUCCESS
                    }
                    Err(code) => code,
                }
            }
            Self::List { user, format, .. } => match done(&config, TokenOrder::List { user }) {
                Ok(lines) => list(&lines, format),
                Err(code) => code,
            },
            Self::Revoke { id, .. } => match done(&config, TokenOrder::Revoke { id }) {
                Ok(_) => ExitCode::SUCCESS,
                Err(code) => code,
            },
        }
    }
}

fn done(config: &Config, order: TokenOrder) -> Result<Vec<TokenLine>, ExitCode> {
    let request = Request::Tokens { order: order.clone() };
    match ask::<Vec<TokenLine>>(&config.storage.dir, &request) {
        Ok(lines) => return Ok(lines),
        // No server holds the store: it is opened here.
        Err(AdminError::NoServer { .. }) => {}
        Err(error @ AdminError::Refused(_)) => {
            return Err(complain(&error, ExitCode::from(WRONG_INPUT)));
        }
        Err(error) => return Err(complain(&error, ExitCode::FAILURE)),
    }
    let store = Store::open(StoreConfig::new(&config.storage.dir), &Default::default())
        .map_err(|error| complain(&error, ExitCode::FAILURE))?;
    runtime()?.block_on(operate(&store, order)).map_err(|error| match error {
        TokenError::Refused(_) => complain(&error, ExitCode::from(WRONG_INPUT)),
        TokenError::Store(_) => complain(&error, ExitCode::FAILURE),
    })
}

fn list(lines: &[TokenLine], format: Format) -> ExitCode {
    match format {
        Format::Json => table::json(&lines),
        Format::Text if lines.is_empty() => {
            say(&"no tokens");
            ExitCode::SUCCESS
        }
        Format::Text => {
            let time = |at: Option<_>, never: &str| at.map_or(never.to_owned(), table::time);
            let rows = lines.iter().map(|line| {
                vec![
                    line.id.to_string(),
                    line.user.clone(),
                    line.name.clone(),
                    line.scopes.clone(),
                    time(line.expires, "never"),
                    time(line.last_used, "never"),
                ]
            });
            let heads = ["ID", "USER", "NAME", "SCOPES", "EXPIRES (UTC)", "LAST USED (UTC)"];
            say(&table::of(&heads, rows.collect()));
            ExitCode::SUCCESS
        }
    }
}
