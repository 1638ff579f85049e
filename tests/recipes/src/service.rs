//! A web service that acts for the Locations of many owners: axum's routes over a client for each Location, started from saved tokens. It keeps
//! no password. Where an owner's tokens were revoked, the health route says so, and the owner logs in by a form.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Path, State};
use axum::http::{Request, StatusCode};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use location_auth::store::{Record, RecordKey, Stored};
use location_auth::transports::client::{AsyncClient, AsyncTokenStore, CallError, StoreError};
use location_auth::transports::{Cause, SendError, SharedTransport, run_async};
use location_auth::{App, Credentials, ErrorKind, Fault, Owner, SavedToken, Session, TokenState};
use serde::{Deserialize, Serialize};

type Client = AsyncClient<SharedTransport<SendError>, Database>;

/// What all routes share.
struct Service {
    app: App,
    base: String,
    transport: SharedTransport<SendError>,
    /// By the Location's id.
    clients: BTreeMap<String, Client>,
    /// One of the clients of each owner, by email: what it is given goes for the others.
    owners: BTreeMap<String, Client>,
}

/// What the program has saved of an owner: the owner's token, and those of the Locations.
pub struct SavedOwner {
    pub email: String,
    pub token: SavedToken,
    pub locations: Vec<SavedToken>,
}

/// The service's routes. `base` is where calls go.
///
/// # Errors
/// Where a saved token is of another kind, or of the other environment than the App.
pub fn router(
    app: App,
    base: &str,
    transport: SharedTransport<SendError>,
    database: Database,
    saved: Vec<SavedOwner>,
) -> Result<Router, Box<dyn Error>> {
    let (mut clients, mut owners) = (BTreeMap::new(), BTreeMap::new());
    for SavedOwner { email, token, locations } in saved {
        let mut owner = Owner::new(&app);
        owner.set_user_token(token.try_into()?)?;
        // Of no Location: the owner's clients are made from it, and share the owner's token.
        let of_owner =
            AsyncClient::with_owner(Session::without_token(&app), owner, transport.clone(), database.clone());
        // A visitor who leaves does not end a token request.
        let of_owner = of_owner.with_spawn(|detached| drop(tokio::spawn(detached.run())));
        for token in locations {
            let id = token.location().ok_or("a user's token among the Locations'")?.to_string();
            clients.insert(id, of_owner.for_session(Session::for_location(&app, token.try_into()?)?));
        }
        owners.insert(email, of_owner);
    }
    let service = Service { app, base: base.to_owned(), transport, clients, owners };
    Ok(Router::new()
        .route("/health", get(health))
        .route("/login", post(log_in))
        .route("/locations/{id}/contacts", get(contacts))
        .with_state(Arc::new(service)))
}

/// What a browser or a caller is told instead of an answer.
type Problem = (StatusCode, String);

#[derive(Serialize, Deserialize)]
struct Contacts {
    location: String,
    owner: String,
}

async fn contacts(State(service): State<Arc<Service>>, Path(id): Path<String>) -> Result<Json<Contacts>, Problem> {
    let client = service.clients.get(&id).ok_or((StatusCode::NOT_FOUND, "no such Location".into()))?;
    let call = Request::get(format!("{}/locations/{id}/contacts", service.base)).body(()).map_err(bad_gateway)?;
    let response = client.call(call).await.map_err(|error| match &error {
        CallError::TokenRejected { error, .. } if error.fault() == Fault::Caller => {
            (StatusCode::SERVICE_UNAVAILABLE, format!("the owner of {id} has to log in again"))
        }
        _ => bad_gateway(error),
    })?;
    if response.status() != StatusCode::OK {
        return Err(bad_gateway(response.status()));
    }
    let contacts: Contacts = serde_json::from_slice(response.body()).map_err(|_| bad_gateway("that is no contact"))?;
    Ok(Json(contacts))
}

fn bad_gateway(what: impl ToString) -> Problem {
    (StatusCode::BAD_GATEWAY, what.to_string())
}

#[derive(Serialize)]
struct Health {
    log_in_again: Vec<String>,
}

/// The Locations whose owner has to log in again: the service refuses what the owner has. An outage is not their fault.
async fn health(State(service): State<Arc<Service>>) -> Json<Health> {
    let refused =
        |client: &Client| matches!(client.state(), TokenState::Paused(error) if error.fault() == Fault::Caller);
    let refused = service.clients.iter().filter(|(_, client)| refused(client));
    Json(Health { log_in_again: refused.map(|(id, _)| id.clone()).collect() })
}

/// No `Debug`, which would show the password.
#[derive(Deserialize)]
struct LoginForm {
    email: String,
    password: String,
}

async fn log_in(State(service): State<Arc<Service>>, Form(form): Form<LoginForm>) -> Result<&'static str, Problem> {
    // A password is sent for those alone who are known here.
    let client = service.owners.get(&form.email).ok_or((StatusCode::UNAUTHORIZED, WRONG_PASSWORD.into()))?;
    let login = service.app.user_login(&form.email, &form.password);
    let login = login.map_err(|misuse| (StatusCode::BAD_REQUEST, misuse.to_string()))?;
    let user = run_async(login, &service.transport).await.map_err(|stopped| {
        eprintln!("{stopped}"); // who is at fault and what to do, for the operator; it holds no credential
        not_logged_in(&stopped.cause)
    })?;
    client.set_user_token(user).map_err(bad_gateway)?; // for all of the owner's Locations
    client.flush().await.map_err(bad_gateway)?; // before it is used: a token lives for ever
    Ok("logged in")
}

/// What the person at the form is told: whether it is for them to change something, for us, or for nobody.
fn not_logged_in<E>(cause: &Cause<E>) -> Problem {
    let (status, text) = match cause {
        Cause::Response(error) => match (error.refused_credentials(), error.kind()) {
            (Some(Credentials::Owner | Credentials::Either), _) => (StatusCode::UNAUTHORIZED, WRONG_PASSWORD),
            (_, ErrorKind::Refused) => (StatusCode::INTERNAL_SERVER_ERROR, "not logged in: the fault is ours"),
            _ => (StatusCode::SERVICE_UNAVAILABLE, TRY_LATER),
        },
        _ => (StatusCode::SERVICE_UNAVAILABLE, TRY_LATER),
    };
    (status, text.into())
}

const WRONG_PASSWORD: &str = "not logged in: check the email and the password";
const TRY_LATER: &str = "not logged in: try again later";

/// Stands for the program's database.
#[derive(Clone, Default)]
pub struct Database(Arc<Mutex<Vec<SavedToken>>>);

impl Database {
    pub fn tokens(&self) -> Vec<SavedToken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl AsyncTokenStore for Database {
    type Turn = ();

    async fn open(&self, _: RecordKey) -> Result<((), Stored), StoreError> {
        Ok(((), Stored::SavesOnly))
    }

    async fn write(&self, (): &mut (), record: Record) -> Result<(), StoreError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(record.new_token().cloned());
        Ok(())
    }
}
