//! The table: a dynoxide engine behind its own server, which this endpoint passes requests on to byte for byte.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::{Body, Bytes};
use axum::http::request::Parts;
use axum::http::{Request, Response, Uri, header};
use dynoxide::storage::Storage as EngineStorage;
use dynoxide::{Database as Engine, DynoxideError};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use stint::clock::Clock;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::permissions::{Permission, arn, members, permission, text};
use super::service::StandIn;
use super::wire::Failure;
use super::{Error, REGION, wire};

/// What a Lambda function is given at most, and what is read at once.
pub(super) const BATCH: usize = 100;

/// A stream that has not been read begins here; sequence numbers have 21 digits.
const BEFORE_ALL: &str = "100000000000000000000";

/// The engine answers itself: [`Database::forward`].
pub(super) const TABLE: StandIn = StandIn {
    target: Some("DynamoDB_20120810"),
    required_permissions,
    on_change: |services| services.delivery.table_written.notify_one(),
    conflict,
    ..STREAMS
};
pub(super) const STREAMS: StandIn = StandIn {
    target: Some("DynamoDBStreams_20120810"),
    content_type: "application/x-amz-json-1.0",
    on_change: |_| {},
    internal_error: "InternalServerError",
    ..StandIn::JSON_1_1
};

pub(super) struct Database {
    engine: Engine,
    address: SocketAddr,
    client: Client<HttpConnector, Body>,
    table_name: String,
    stream_arn: String,
}

/// dynoxide's view of our clock.
struct EngineClock(Clock);

impl dynoxide::storage_backend::Clock for EngineClock {
    fn now_unix_secs(&self) -> u64 {
        u64::try_from(self.0.now().as_second()).unwrap_or_default()
    }

    fn now_unix_secs_f64(&self) -> f64 {
        self.0.now().as_duration().as_secs_f64()
    }
}

impl Database {
    /// Opens the engine, makes the table if there is none, and serves until `stop` changes or is dropped.
    pub(super) async fn start(
        directory: Option<&Path>,
        clock: &Clock,
        table_name: &str,
        account_id: &str,
        mut stop: watch::Receiver<bool>,
    ) -> Result<(Self, JoinHandle<()>), Error> {
        let engine = match directory {
            None => {
                let engine = in_memory(clock).map_err(engine_error)?;
                create_table(&engine, table_name)?;
                engine
            }
            Some(directory) => in_directory(directory, table_name)?,
        };
        let metadata = engine.get_table_metadata(table_name).map_err(engine_error)?;
        let label = metadata.and_then(|metadata| metadata.stream_label).unwrap_or_default();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(Error::Loopback)?;
        let address = listener.local_addr().map_err(Error::Loopback)?;
        let served = engine.clone();
        let server = tokio::spawn(async move {
            let stopped = async move {
                // Either way it is over: told so, or the endpoint is gone.
                let _ = stop.changed().await;
            };
            if let Err(error) = dynoxide::server::serve_with_shutdown(listener, served, stopped).await {
                tracing::error!(error, "the table's server ended");
            }
        });
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let database = Self {
            engine,
            address,
            client: Client::builder(TokioExecutor::new()).build(connector),
            table_name: table_name.to_owned(),
            stream_arn: format!("arn:aws:dynamodb:{REGION}:{account_id}:table/{table_name}/stream/{label}"),
        };
        Ok((database, server))
    }

    /// Passes a request on and its answer back.
    pub(super) async fn forward(&self, parts: &Parts, body: Bytes) -> Result<Response<Body>, Failure> {
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let uri: Uri = format!("http://{}{path}", self.address).parse().map_err(no_answer)?;
        let mut request = Request::new(Body::from(body));
        *request.method_mut() = parts.method.clone();
        *request.uri_mut() = uri;
        *request.headers_mut() = parts.headers.clone();
        // The body is whole here, so these are the connection's own affair again.
        for header in [header::CONNECTION, header::TRANSFER_ENCODING, header::CONTENT_LENGTH] {
            request.headers_mut().remove(header);
        }
        let mut response = self.client.request(request).await.map_err(no_answer)?;
        response.headers_mut().remove(header::CONNECTION);
        Ok(response.map(Body::new))
    }

    /// The stream's next records after a sequence number, as a Lambda function is given them.
    pub(super) fn records_after(&self, position: Option<&str>) -> Result<Vec<Value>, String> {
        let after: u128 = position.unwrap_or(BEFORE_ALL).parse().map_err(message)?;
        let first: u128 = BEFORE_ALL.parse().map_err(message)?;
        let iterator = dynoxide::actions::get_shard_iterator::encode_shard_iterator(
            &self.table_name,
            &dynoxide::streams::shard_id(&self.table_name),
            i64::try_from(after.saturating_sub(first)).map_err(message)?,
        );
        let request =
            dynoxide::actions::get_records::GetRecordsRequest { shard_iterator: iterator, limit: Some(BATCH) };
        let response = self.engine.get_records(request).map_err(message)?;
        response
            .records
            .into_iter()
            .map(|record| {
                let mut record = serde_json::to_value(record).map_err(message)?;
                if let Some(members) = record.as_object_mut() {
                    members.insert("awsRegion".to_owned(), json!(REGION));
                    members.insert("eventSourceARN".to_owned(), json!(self.stream_arn));
                }
                Ok(record)
            })
            .collect()
    }

    /// Every item of the table.
    pub(super) fn items(&self) -> Vec<Value> {
        let mut items = Vec::new();
        let mut start = Value::Null;
        loop {
            let request = json!({ "TableName": self.table_name, "ExclusiveStartKey": start });
            let answer = serde_json::from_value(request)
                .map_err(message)
                .and_then(|request| self.engine.scan(request).map_err(message))
                .and_then(|response| serde_json::to_value(response).map_err(message));
            let mut answer = match answer {
                Ok(answer) => answer,
                Err(error) => {
                    tracing::error!(error, "the table cannot be read");
                    return items;
                }
            };
            if let Some(Value::Array(more)) = answer.get_mut("Items").map(Value::take) {
                items.extend(more);
            }
            start = answer.get_mut("LastEvaluatedKey").map(Value::take).unwrap_or_default();
            if start.is_null() {
                return items;
            }
        }
    }

    /// Copies everything into a new file.
    pub(super) fn copy(&self) -> Result<PathBuf, Error> {
        let file = temporary_file();
        self.engine.vacuum_into(&file.to_string_lossy()).map_err(engine_error)?;
        Ok(file)
    }

    /// Makes everything what a copy has.
    pub(super) fn become_copy(&self, file: &Path) -> Result<(), Error> {
        self.engine.restore_from(&file.to_string_lossy()).map_err(engine_error)
    }

    /// Removes what its `ttl` says is over.
    pub(super) fn sweep_ttl(&self) {
        if let Err(error) = self.engine.sweep_ttl() {
            tracing::warn!(%error, "expired items could not be removed");
        }
    }
}

/// The engine on the file of a directory. Making a table takes the engine many steps, so it is made in a file beside, which
/// takes its place when all are done: a process killed in between leaves no half a table.
fn in_directory(directory: &Path, table_name: &str) -> Result<Engine, Error> {
    let file = directory.join("dynamodb.sqlite");
    if !file.exists() {
        let unfinished = directory.join("dynamodb.unfinished");
        for left in ["dynamodb.unfinished", "dynamodb.unfinished-wal", "dynamodb.unfinished-shm"] {
            match std::fs::remove_file(directory.join(left)) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(Error::File(directory.join(left), error));
                }
                Ok(()) | Err(_) => {}
            }
        }
        let engine = in_file(&unfinished).map_err(engine_error)?;
        create_table(&engine, table_name)?;
        // Its last connection gone, SQLite puts everything into the one file.
        drop(engine);
        std::fs::rename(&unfinished, &file).map_err(|error| Error::File(unfinished, error))?;
    }
    in_file(&file).map_err(engine_error)
}

/// At each write the engine looks for the end of its stream, and reads all there is of it unless it has this. It keeps all
/// of it for ever.
const STREAM_INDEX: &str = "CREATE INDEX IF NOT EXISTS stream_by_sequence_number \
                            ON _stream_records (table_name, CAST(sequence_number AS INTEGER))";

fn in_file(file: &Path) -> Result<Engine, DynoxideError> {
    let file = file.to_string_lossy();
    EngineStorage::new(&file)?.conn().execute_batch(STREAM_INDEX)?;
    Engine::new(&file)
}

/// Tells the files of one process apart.
static FILES: AtomicU64 = AtomicU64::new(0);

fn temporary_file() -> PathBuf {
    let (process, number) = (std::process::id(), FILES.fetch_add(1, Ordering::Relaxed));
    std::env::temp_dir().join(format!("stint-local-{process}-{number}.sqlite"))
}

/// Removes a temporary file, and what SQLite may have put beside it.
pub(super) fn remove_with_companions(file: &Path) {
    for suffix in ["", "-wal", "-shm"] {
        let mut file = file.to_path_buf().into_os_string();
        file.push(suffix);
        // Not all of them are there.
        let _ = std::fs::remove_file(file);
    }
}

/// An engine in memory is made without the index, and takes it over from a file.
fn in_memory(clock: &Clock) -> Result<Engine, DynoxideError> {
    let engine = Engine::memory_with_clock(Arc::new(EngineClock(clock.clone())))?;
    let model = temporary_file();
    let storage = EngineStorage::memory()?;
    storage.conn().execute_batch(STREAM_INDEX)?;
    storage.vacuum_into(&model.to_string_lossy())?;
    let taken_over = engine.restore_from(&model.to_string_lossy());
    remove_with_companions(&model);
    taken_over.map(|()| engine)
}

fn create_table(engine: &Engine, table_name: &str) -> Result<(), Error> {
    let keys = |hash: &str, range: &str| {
        json!([
            { "AttributeName": hash, "KeyType": "HASH" },
            { "AttributeName": range, "KeyType": "RANGE" },
        ])
    };
    let index = |name: &str, hash: &str, range: &str| json!({ "IndexName": name, "KeySchema": keys(hash, range), "Projection": { "ProjectionType": "ALL" } });
    let attributes = ["pk", "sk", "principal_pk", "access_pk", "holder_pk", "status_pk", "due_pk", "due_sk"]
        .map(|name| json!({ "AttributeName": name, "AttributeType": "S" }));
    let request = json!({
        "TableName": table_name,
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": keys("pk", "sk"),
        "AttributeDefinitions": attributes,
        "StreamSpecification": { "StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES" },
        "GlobalSecondaryIndexes": [
            index("by_principal", "principal_pk", "sk"),
            index("by_access", "access_pk", "sk"),
            index("by_holder", "holder_pk", "sk"),
            index("by_status", "status_pk", "sk"),
            index("due", "due_pk", "due_sk"),
        ],
    });
    let ttl = json!({
        "TableName": table_name,
        "TimeToLiveSpecification": { "Enabled": true, "AttributeName": "ttl" },
    });
    serde_json::from_value(request)
        .map_err(engine_error)
        .and_then(|request| engine.create_table(request).map_err(engine_error))?;
    serde_json::from_value(ttl)
        .map_err(engine_error)
        .and_then(|request| engine.update_time_to_live(request).map_err(engine_error))?;
    Ok(())
}

fn engine_error(error: impl std::fmt::Display) -> Error {
    Error::Database(error.to_string())
}

fn no_answer(error: impl std::fmt::Display) -> Failure {
    Failure::new("InternalServerError", format!("the table does not answer: {error}"))
}

fn message(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn required_permissions(request: &wire::Request, account: &str) -> Vec<Permission> {
    match request.operation.as_str() {
        "TransactWriteItems" | "TransactGetItems" => transaction(&request.input, account),
        operation => vec![on_table(operation, &request.input, account)],
    }
}

/// A transaction needs what each of its items would need alone.
fn transaction(input: &Value, account: &str) -> Vec<Permission> {
    let items = members(input, "TransactItems").filter_map(Value::as_object).flatten();
    let single = |kind: &str| match kind {
        "Put" => "PutItem",
        "Update" => "UpdateItem",
        "Delete" => "DeleteItem",
        "ConditionCheck" => "ConditionCheckItem",
        _ => "GetItem",
    };
    items.map(|(kind, item)| on_table(single(kind), item, account)).collect()
}

fn on_table(operation: &str, input: &Value, account: &str) -> Permission {
    let key = ["/Key/pk/S", "/Item/pk/S"].iter().find_map(|place| input.pointer(place)?.as_str());
    Permission {
        leading_key: key.map(str::to_owned),
        ..permission("dynamodb", operation, table_or_index(input, account))
    }
}

fn table_or_index(input: &Value, account: &str) -> String {
    let table = arn("dynamodb", account, "table/", text(input, "TableName"));
    match input.get("IndexName").and_then(Value::as_str) {
        Some(index) => format!("{table}/index/{index}"),
        None => table,
    }
}

fn conflict(request: &wire::Request) -> Failure {
    let message = "Transaction is ongoing for the item";
    if !matches!(request.operation.as_str(), "TransactWriteItems" | "TransactGetItems") {
        return Failure::new("TransactionConflictException", message);
    }
    let items = request.input.get("TransactItems").and_then(|items| items.as_array());
    let reasons: Vec<_> = (0..items.map_or(1, Vec::len))
        .map(|place| match place {
            0 => serde_json::json!({ "Code": "TransactionConflict", "Message": message }),
            _ => serde_json::json!({ "Code": "None" }),
        })
        .collect();
    Failure::new(
        "TransactionCanceledException",
        "Transaction cancelled, please refer cancellation reasons for specific reasons [TransactionConflict]",
    )
    .with("CancellationReasons", reasons.into())
}
