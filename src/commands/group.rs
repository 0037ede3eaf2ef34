//! `hark group …`: named groups of users, for announcements.

use std::process::ExitCode;

use hark_actors::operator::{GroupAnswer, GroupOrder};

use super::{ConfigFile, operator, say};

/// Look after groups of users.
#[derive(Debug, clap::Subcommand)]
pub enum Group {
    /// List the groups and their members.
    List {
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Make a group, or replace its members.
    Set {
        #[command(flatten)]
        config: ConfigFile,
        /// The group's name, as `group:NAME` in requests.
        name: String,
        /// The sign-in names of its members.
        members: Vec<String>,
    },
    /// Remove a group.
    Remove {
        #[command(flatten)]
        config: ConfigFile,
        /// The group's name.
        name: String,
    },
}

impl Group {
    pub fn run(self) -> ExitCode {
        let (config, order) = match self {
            Self::List { config } => (config, GroupOrder::List {}),
            Self::Set { config, name, members } => (config, GroupOrder::Set { name, members }),
            Self::Remove { config, name } => (config, GroupOrder::Remove { name }),
        };
        let config = match config.read() {
            Ok(config) => config,
            Err(code) => return code,
        };
        match operator::groups(&config, order) {
            Ok(GroupAnswer::Groups(groups)) => {
                for group in groups {
                    say(&format_args!("{}\t{}", group.name, group.members.join(" ")));
                }
                ExitCode::SUCCESS
            }
            Ok(GroupAnswer::Done) => ExitCode::SUCCESS,
            Ok(GroupAnswer::Failed(failure)) => operator::failed(&failure),
            Err(code) => code,
        }
    }
}
