//! Orders about users and groups: through the running server where one runs, else on the store
//! itself.

use std::process::ExitCode;

use hark_actors::admin::{AdminError, Request, ask};
use hark_actors::config::Config;
use hark_actors::operator::{Failure, GroupAnswer, GroupOrder, Operator, UserAnswer, UserOrder};
use hark_actors::store::{Store, StoreConfig};
use serde::de::DeserializeOwned;

use super::{WRONG_INPUT, complain, runtime};

/// Carries out an order about users.
pub fn users(config: &Config, order: UserOrder) -> Result<UserAnswer, ExitCode> {
    let answer = match through_server(config, &Request::Users { order: order.clone() })? {
        Some(answer) => answer,
        None => {
            let operator = alone(config)?;
            runtime()?.block_on(operator.users(order))
        }
    };
    match answer {
        UserAnswer::Failed(failure) => Err(failed(&failure)),
        answer => Ok(answer),
    }
}

/// Carries out an order about groups.
pub fn groups(config: &Config, order: GroupOrder) -> Result<GroupAnswer, ExitCode> {
    let answer = match through_server(config, &Request::Groups { order: order.clone() })? {
        Some(answer) => answer,
        None => {
            let operator = alone(config)?;
            runtime()?.block_on(operator.groups(order))
        }
    };
    match answer {
        GroupAnswer::Failed(failure) => Err(failed(&failure)),
        answer => Ok(answer),
    }
}

/// Asks the server; `None` where none holds the store.
fn through_server<T: DeserializeOwned>(
    config: &Config,
    request: &Request,
) -> Result<Option<T>, ExitCode> {
    match ask(&config.storage.dir, request) {
        Ok(answer) => Ok(Some(answer)),
        Err(AdminError::NoServer { .. }) => Ok(None),
        Err(error) => Err(complain(&error, ExitCode::FAILURE)),
    }
}

/// Who carries out orders on the store of a stopped server.
pub fn alone(config: &Config) -> Result<Operator, ExitCode> {
    let store = Store::open(StoreConfig::new(&config.storage.dir), &Default::default())
        .map_err(|error| complain(&error, ExitCode::FAILURE))?;
    Ok(Operator::new(store, config, None))
}

/// Says why an order was not carried out.
pub fn failed(failure: &Failure) -> ExitCode {
    let code = if failure.input { ExitCode::from(WRONG_INPUT) } else { ExitCode::FAILURE };
    complain(&failure.text, code)
}
