//! `/api/v1/me/receipt-mail`: whether a user is mailed what became of the messages they sent.

use std::time::Duration;

use actix_web::{HttpResponse, web};
use hark_engine::delivery::profile::Attach;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use crate::clock;
use crate::outward::{Channel, NotifyError, mail};
use crate::store::Confirmed;
use crate::web::WebState;
use crate::web::auth::SignedIn;
use crate::web::error::{ApiError, BUSY};

/// How long a code is good for.
const CODE_LIFETIME: Duration = Duration::from_secs(3600);

/// The routes.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .service(
            web::resource("/me/receipt-mail")
                .route(web::get().to(show))
                .route(web::put().to(set))
                .route(web::delete().to(delete)),
        )
        .route("/me/receipt-mail/confirm", web::post().to(confirm));
}

/// The wish, and how it stands.
#[derive(Serialize, ToSchema)]
#[schema(as = ReceiptMail)]
struct Shown {
    /// Whether this server sends mail at all.
    available: bool,
    address: Option<String>,
    heard: bool,
    failed: bool,
    confirmed: bool,
    /// Why the last mail could not be sent.
    error: Option<String>,
}

/// Whether the user gets a mail of what became of their messages.
///
/// # Errors
/// What the store says, or what is wrong with the request.
#[utoipa::path(get, path = "/api/v1/me/receipt-mail", tag = "account", responses((status = 200, description = "The wish, and how it stands.", body = Shown)), security(("session" = []), ("token" = ["profile"])))]
pub async fn show(
    state: web::Data<WebState>,
    signed_in: SignedIn,
) -> Result<HttpResponse, ApiError> {
    let wish = state.store.receipt_mail(signed_in.user).await?;
    let available = state.outward.sends_mail();
    Ok(super::private(match wish {
        Some(wish) => Shown {
            available,
            address: Some(wish.address),
            heard: wish.heard,
            failed: wish.failed,
            confirmed: wish.confirmed,
            error: wish.error,
        },
        None => Shown {
            available,
            address: None,
            heard: false,
            failed: false,
            confirmed: false,
            error: None,
        },
    }))
}

/// What the user wants.
#[derive(Deserialize, ToSchema)]
pub struct Wish {
    address: String,
    #[serde(default)]
    heard: bool,
    #[serde(default)]
    failed: bool,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ReceiptMailSet)]
struct Set {
    confirmed: bool,
}

/// Sets the wish; an address that is new is sent a code.
#[utoipa::path(put, path = "/api/v1/me/receipt-mail", tag = "account", request_body = Wish, responses((status = 200, description = "Whether the address is confirmed.", body = Set)), security(("session" = []), ("token" = ["profile"])))]
pub async fn set(
    state: web::Data<WebState>,
    signed_in: SignedIn,
    body: web::Json<Wish>,
) -> Result<HttpResponse, ApiError> {
    let Wish { address, heard, failed } = body.into_inner();
    let user = signed_in.user;
    if !state.outward.sends_mail() {
        return Err(ApiError::Conflict(
            "this server sends no mail: its operator can change it".into(),
        ));
    }
    mail::address_of(&address).map_err(ApiError::Malformed)?;
    let confirmed = state.store.set_receipt_mail(user, address.clone(), heard, failed).await?;
    if !confirmed {
        state.outward.admit_code(user).map_err(ApiError::TooMany)?;
        let code = new_code();
        let expires = clock::wall().after(CODE_LIFETIME);
        state.store.set_receipt_code(user, hash(&code), expires).await?;
        let language = state.directory().user(user).map(|u| u.language.clone()).unwrap_or_default();
        let (outward, runtime) = (state.outward.clone(), state.runtime.clone());
        let channel = Channel::Mail { address, attach: Attach::No };
        let sent =
            runtime.spawn(async move { outward.send_code(user, &channel, &code, &language).await });
        match sent.await {
            Ok(Ok(())) => {}
            Ok(Err(NotifyError { reason, permanent: true })) => {
                return Err(ApiError::Malformed(reason));
            }
            Ok(Err(NotifyError { permanent: false, .. })) => {
                return Err(ApiError::Unavailable(BUSY));
            }
            Err(_) => return Err(ApiError::Internal),
        }
    }
    Ok(super::private(Set { confirmed }))
}

/// Ends those mails.
///
/// # Errors
/// What the store says, or what is wrong with the request.
#[utoipa::path(delete, path = "/api/v1/me/receipt-mail", tag = "account", responses((status = 204, description = "No such mail is sent any more.")), security(("session" = []), ("token" = ["profile"])))]
pub async fn delete(
    state: web::Data<WebState>,
    signed_in: SignedIn,
) -> Result<HttpResponse, ApiError> {
    state.store.delete_receipt_mail(signed_in.user).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// A code.
#[derive(Deserialize, ToSchema)]
pub struct Code {
    code: String,
}

/// The code that was mailed.
#[utoipa::path(post, path = "/api/v1/me/receipt-mail/confirm", tag = "account", request_body = Code, responses((status = 204, description = "The address is confirmed.")), security(("session" = []), ("token" = ["profile"])))]
pub async fn confirm(
    state: web::Data<WebState>,
    signed_in: SignedIn,
    body: web::Json<Code>,
) -> Result<HttpResponse, ApiError> {
    let hash = hash(body.code.trim());
    match state.store.confirm_receipt_mail(signed_in.user, hash, clock::wall()).await? {
        Confirmed::Yes => Ok(HttpResponse::NoContent().finish()),
        Confirmed::Wrong => {
            Err(ApiError::Malformed("the code is wrong: look at the mail again".into()))
        }
        Confirmed::NoCode => Err(ApiError::Conflict(
            "there is no code to confirm, or it was guessed at too often: ask for a new one".into(),
        )),
    }
}

/// Six digits.
fn new_code() -> String {
    // The remainder prefers some codes by one in 4000, which helps nobody to guess.
    format!("{:06}", u32::from_be_bytes(clock::random()) % 1_000_000)
}

fn hash(code: &str) -> [u8; 32] {
    Sha256::digest(code.as_bytes()).into()
}
