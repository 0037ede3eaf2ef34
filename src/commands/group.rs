//! `hark group …`: named groups of users, for announcements (while the server is stopped).

use std::process::ExitCode;

use hark_actors::store::{GroupRecord, Store, StoreError};

use super::{ConfigFile, WRONG_INPUT, complain, open_store, runtime, say};

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
        let (Self::List { config } | Self::Set { config, .. } | Self::Remove { config, .. }) =
            &self;
        let (store, runtime) = match open_store(config).and_then(|s| Ok((s, runtime()?))) {
            Ok(opened) => opened,
            Err(code) => return code,
        };
        match runtime.block_on(self.act(&store)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error @ StoreError::NotFound { .. }) => {
                complain(&error, ExitCode::from(WRONG_INPUT))
            }
            Err(error) => complain(&error, ExitCode::FAILURE),
        }
    }

    async fn act(self, store: &Store) -> Result<(), StoreError> {
        match self {
            Self::List { .. } => {
                let users = store.users().await?;
                for group in store.groups().await? {
                    let members = users.iter().filter(|user| group.members.contains(&user.id));
                    let members: Vec<_> = members.map(|user| user.name.as_str()).collect();
                    say(&format_args!("{}\t{}", group.name, members.join(" ")));
                }
                Ok(())
            }
            Self::Set { name, members, .. } => {
                let letters = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
                if !(1..=64).contains(&name.len()) || !name.chars().all(letters) {
                    let what = "a group's name has 1 to 64 letters, digits, '.', '_', '-'";
                    return Err(StoreError::Conflict { what: what.into() });
                }
                let users = store.users().await?;
                let mut ids = Vec::new();
                for member in &members {
                    let user = users.iter().find(|user| user.name.eq_ignore_ascii_case(member));
                    ids.push(
                        user.ok_or(StoreError::NotFound { what: "user: see hark user list" })?.id,
                    );
                }
                let display_name = name.clone();
                store.set_group(GroupRecord { name, display_name, members: ids }).await
            }
            Self::Remove { name, .. } => store.delete_group(&name).await,
        }
    }
}
