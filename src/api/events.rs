//! What happened: as a list, as a stream, and message by message for one call.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_core::Stream;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::live::blocking;
use super::problem::Problem;
use super::time::rfc3339;
use crate::model::EventLine;
use crate::port::TargetError;
use crate::reconcile::Handle;

/// How often the engine is asked for news.
const LOOK: Duration = Duration::from_millis(200);

/// Events that wait for a reader; while it does not read, nothing more is asked for.
const MAX_WAITING: usize = 256;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EventsQuery {
    /// A call, by the daemon's name or by the Call-ID of any of its legs.
    call: Option<String>,
    /// The number of the last event that is known already.
    after: Option<u64>,
}

pub(super) async fn events(
    State(handle): State<Handle>,
    Query(query): Query<EventsQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if let Some(call) = query.call {
        return record(handle, call).await.map(IntoResponse::into_response);
    }
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let streamed = accept.is_some_and(|accept| accept.contains("text/event-stream"));
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok()?.parse().ok());
    let after = last.or(query.after);
    if streamed {
        return Ok(follow(handle, after).into_response());
    }
    let lines = blocking(move || handle.events(after.unwrap_or(0))).await?.map_err(engine)?;
    Ok(Json(json!({"events": lines.iter().map(event).collect::<Vec<_>>()})).into_response())
}

async fn record(handle: Handle, call: String) -> Result<Json<Value>, Problem> {
    let asked = call.clone();
    let found = blocking(move || handle.record(&asked)).await?.map_err(engine)?;
    let found = found.ok_or_else(|| {
        let words =
            format!("no call is remembered under `{call}`: it ended long ago, or never was");
        Problem::new(StatusCode::NOT_FOUND, "no-such-call", words)
    })?;
    let at: Vec<String> = found.messages.iter().map(|one| rfc3339(one.unix_ms)).collect();
    let mut value = json!(found);
    let messages = value.get_mut("messages").and_then(Value::as_array_mut);
    for (message, at) in messages.into_iter().flatten().zip(at) {
        stamp(message, at);
    }
    Ok(Json(value))
}

fn event(line: &EventLine) -> Value {
    let mut value = json!(line);
    stamp(&mut value, rfc3339(line.unix_ms));
    value
}

/// Times are text in the API.
fn stamp(value: &mut Value, at: String) {
    if let Some(members) = value.as_object_mut() {
        members.remove("unixMs");
        members.insert("at".to_owned(), json!(at));
    }
}

fn engine(error: TargetError) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "engine", error.to_string())
}

/// Everything that happens from now on, or from an event on, as it happens.
fn follow(
    handle: Handle,
    after: Option<u64>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let (sender, receiver) = mpsc::channel(MAX_WAITING);
    tokio::spawn(tell(handle, after, sender));
    Sse::new(Lines(receiver)).keep_alive(KeepAlive::default())
}

/// Asks until nobody reads any more or the engine has ended.
async fn tell(handle: Handle, after: Option<u64>, sender: mpsc::Sender<Event>) {
    let mut after = match after {
        Some(after) => after,
        None => match news(&handle, 0).await {
            Some(lines) => lines.last().map_or(0, |line| line.number),
            None => return,
        },
    };
    while !sender.is_closed() {
        let Some(lines) = news(&handle, after).await else { return };
        for line in lines {
            after = line.number;
            let event = Event::default().id(after.to_string()).data(event(&line).to_string());
            if sender.send(event).await.is_err() {
                return;
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn news(handle: &Handle, after: u64) -> Option<Vec<EventLine>> {
    let handle = handle.clone();
    blocking(move || handle.events(after)).await.ok()?.ok()
}

/// What waits for the reader.
struct Lines(mpsc::Receiver<Event>);

impl Stream for Lines {
    type Item = Result<Event, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(context).map(|event| event.map(Ok))
    }
}
