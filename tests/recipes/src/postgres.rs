//! A store of tokens in PostgreSQL, over `tokio-postgres`: for an owner whose tokens several processes or machines use.
//!
//! A turn is a session of the server with an advisory lock. The record is read and written over its connection, so that a write fails if the turn
//! was lost. A process that dies, a connection that is cut and a server that starts again all end the session, and so the turn.
//!
//! Who waits holds no connection: it tries, closes the connection and tries again. A thousand processes that wait need a thousand connections only
//! if all try in the same millisecond, and a server that is full is asked again, too.
//!
//! - **A pooler in transaction mode breaks this**: it gives each statement another session. A lock stays in one that nobody knows of, so that nobody
//!   gets the turn, or two do. Connect to the server itself, or to a pooler in session mode.
//! - The table is the program's to make: `TABLE`, as a migration. The role needs `select`, `insert` and `update`.
//! - `synchronous_commit` must be on, as it is by default. A standby that takes over must have all that was committed (`synchronous_standby_names`).
//! - A record is a secret. A server that logs statements logs their parameters: set `log_parameter_max_length = 0` there.

use std::sync::Arc;
use std::time::Duration;

use location_auth::store::{Record, RecordKey, Stored};
use location_auth::transports::client::{AsyncTokenStore, StoreError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, Error, NoTls};

pub const TABLE: &str = "create table if not exists location_auth_records (
    owner text, key text, record bytea not null, primary key (owner, key))";

// Two locks may have the same number, which costs a wait. It is a statement of its own: one that also read would see what was there before the lock.
const LOCK: &str = "select pg_try_advisory_lock(hashtextextended('location_auth_records ' || $1 || ' ' || $2, 0))";
const READ: &str = "select record from location_auth_records where owner = $1 and key = $2";
const WRITE: &str = "insert into location_auth_records (owner, key, record) values ($1, $2, $3)
    on conflict (owner, key) do update set record = excluded.record";
const KEYS: &str = "select key from location_auth_records where owner = $1";

pub struct Postgres {
    server: Config,
    owner: String,
    limit: Duration,
    connections: Arc<Semaphore>,
}

/// It ends when the connection is closed: when it is dropped, at the latest when its process ends.
pub struct Turn {
    client: Client,
    key: String,
    _connection: OwnedSemaphorePermit,
}

impl Postgres {
    /// `owner` is the program's own name for the owner: two of them in one database share nothing. `limit` is how long a caller waits for a turn, and
    /// for a write. `connections` is the most that this process has open at one time: one is enough.
    pub fn new(server: Config, owner: &str, limit: Duration, connections: usize) -> Self {
        Self { server, owner: owner.into(), limit, connections: Arc::new(Semaphore::new(connections)) }
    }

    /// A connector of a TLS library goes where `NoTls` is.
    async fn connect(&self) -> Result<Client, Error> {
        let (client, connection) = self.server.connect(NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    /// The turn, unless another caller has it.
    async fn try_turn(&self, key: &str) -> Result<Option<(Turn, Stored)>, StoreError> {
        let connection = Arc::clone(&self.connections).acquire_owned().await?;
        let client = match self.connect().await {
            Err(error) if error.code() == Some(&SqlState::TOO_MANY_CONNECTIONS) => return Ok(None),
            connected => connected.map_err(told)?,
        };
        if !client.query_one(LOCK, &[&self.owner, &key]).await.map_err(told)?.get::<_, bool>(0) {
            return Ok(None);
        }
        let row = client.query_opt(READ, &[&self.owner, &key]).await.map_err(told)?;
        let turn = Turn { client, key: key.into(), _connection: connection };
        Ok(Some((turn, Stored::Record(row.map(|row| row.get(0))))))
    }

    async fn within<R>(&self, work: impl Future<Output = Result<R, StoreError>>) -> Result<R, StoreError> {
        timeout(self.limit, work).await.unwrap_or_else(|_| Err("PostgreSQL: not within the store's limit".into()))
    }
}

impl AsyncTokenStore for Postgres {
    type Turn = Turn;

    async fn open(&self, key: RecordKey) -> Result<(Turn, Stored), StoreError> {
        let key = key.to_string();
        self.within(async {
            let mut pause = Duration::from_millis(10);
            loop {
                if let Some(turn) = self.try_turn(&key).await? {
                    return Ok(turn);
                }
                sleep(pause).await;
                pause = (pause * 2).min(Duration::from_millis(500));
            }
        })
        .await
    }

    async fn write(&self, turn: &mut Turn, record: Record) -> Result<(), StoreError> {
        let record = record.expose_secret().as_bytes();
        let write = async { turn.client.execute(WRITE, &[&self.owner, &turn.key, &record]).await.map_err(told) };
        self.within(write).await.map(drop)
    }

    async fn keys(&self) -> Result<Vec<RecordKey>, StoreError> {
        let read = async { self.connect().await?.query(KEYS, &[&self.owner]).await };
        let rows = self.within(async { read.await.map_err(told) }).await?;
        rows.iter().map(|row| Ok(row.get::<_, &str>(0).parse()?)).collect()
    }
}

/// The server's message alone: its details may quote a row, and so a token.
fn told(error: Error) -> StoreError {
    error.as_db_error().map_or_else(|| error.to_string(), |error| format!("PostgreSQL: {}", error.message())).into()
}
