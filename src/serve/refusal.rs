//! What a request is told when it is not answered: one status for each thing its sender does about it.

use crate::call::{CallError, Fatal};
use crate::stage::StageError;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// A refusal. Clients that wait for the same answer are told the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub status: StatusCode,
    /// Stable snake_case.
    pub code: &'static str,
    /// The field that is wrong, as `rounds[1].digest`; empty: none.
    pub field: String,
    pub what: String,
    /// Come again after so many seconds.
    pub after: Option<u64>,
}

impl Refusal {
    fn new(status: StatusCode, code: &'static str, what: impl Into<String>) -> Refusal {
        let what: String = what.into().chars().take(1000).collect();
        Refusal { status, code, field: String::new(), what, after: None }
    }

    /// 400: the caller's, at `field`.
    pub fn bad(field: impl Into<String>, what: impl Into<String>) -> Refusal {
        let field = field.into();
        Refusal { field, ..Refusal::new(StatusCode::BAD_REQUEST, "bad_request", what) }
    }

    /// 409: the id was used for another question.
    pub fn other_question(id: &str) -> Refusal {
        let what =
            format!("`{id}` was asked before with another body; give each rollout its own id");
        Refusal { field: "id".to_owned(), ..Refusal::new(StatusCode::CONFLICT, "id_reused", what) }
    }

    /// 429: the queue is full.
    pub fn full(most: usize, after: u64) -> Refusal {
        let what = format!("{most} requests are being answered, which is all that are admitted");
        let full = Refusal::new(StatusCode::TOO_MANY_REQUESTS, "queue_full", what);
        Refusal { after: Some(after), ..full }
    }

    /// 422: the generator will not draw it, however often it is asked.
    pub fn refused(what: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "refused", what)
    }

    /// 401.
    pub fn stranger() -> Refusal {
        let what =
            "send `Authorization: Bearer TOKEN` with the token that the service was started with";
        Refusal::new(StatusCode::UNAUTHORIZED, "unauthorized", what)
    }

    /// 413 and 415 and 404: not a question at all.
    pub fn odd(status: StatusCode, code: &'static str, what: impl Into<String>) -> Refusal {
        Refusal::new(status, code, what)
    }

    /// 502: models were asked, again and again, and gave no answer.
    pub fn no_answer(code: &'static str, what: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::BAD_GATEWAY, code, what)
    }

    /// 503: it is stopping, or cannot go on.
    pub fn stopping(what: impl Into<String>) -> Refusal {
        let stopping = Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "stopping", what);
        Refusal { after: Some(5), ..stopping }
    }

    /// What a stage's error means to who asked.
    pub fn of(error: &StageError) -> Refusal {
        match error {
            StageError::Undecided(seen) => Refusal::no_answer("undecided", seen.note.clone()),
            StageError::Call(CallError::Stopped) => Refusal::stopping("the service is stopping"),
            StageError::Call(CallError::Fatal { kind: Fatal::Store | Fatal::Fenced, what }) => {
                Refusal::stopping(what.clone())
            }
            StageError::Call(error) => Refusal::no_answer("call_failed", error.to_string()),
            StageError::Record { code, what } => Refusal::no_answer(code, what.clone()),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut error = json!({"code": self.code, "what": self.what});
        if !self.field.is_empty() {
            error["field"] = self.field.into();
        }
        let body = json!({"error": error}).to_string();
        let kind = [(header::CONTENT_TYPE, "application/json")];
        let mut response = (self.status, kind, body).into_response();
        if let Some(after) = self.after.and_then(|after| after.to_string().parse().ok()) {
            response.headers_mut().insert(header::RETRY_AFTER, after);
        }
        response
    }
}
