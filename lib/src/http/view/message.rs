//! Messages on the wire.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{self, AuthorType, MessageId, Metadata, RequestId};
use crate::http::error::Error;

/// Something to say about a request.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"content": "which queue is this about?"}))]
pub struct CreateRequestMessage {
    /// 1 to 10,000 characters.
    #[schema(min_length = 1, max_length = 10_000, example = "which queue is this about?")]
    pub content: String,
    /// Anything, at most 16 KiB.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Metadata>,
}

impl CreateRequestMessage {
    pub(in crate::http) fn content(&self) -> Result<String, Error> {
        super::free_text("content", &self.content)
    }

    pub(in crate::http) fn metadata(&self) -> Result<Metadata, Error> {
        super::metadata(self.metadata.clone())
    }
}

/// Something said about a request.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "019a3f5e-7c1b-7000-8000-000000000003",
    "request_id": "019a3f5e-7c1b-7000-8000-000000000001",
    "author_type": "approver",
    "author_id": "bob",
    "content": "which queue is this about?",
    "metadata": {},
    "created_at": "2026-11-21T09:01:00Z"
}))]
pub struct RequestMessage {
    /// Its id.
    pub id: MessageId,
    /// The request it is about.
    pub request_id: RequestId,
    /// In which capacity it was written.
    pub author_type: AuthorType,
    /// Who wrote it.
    pub author_id: String,
    /// What it says.
    pub content: String,
    /// What the author attached.
    #[schema(value_type = Object)]
    pub metadata: Metadata,
    /// When it was written.
    #[schema(value_type = String, format = "date-time")]
    pub created_at: Timestamp,
}

impl From<domain::RequestMessage> for RequestMessage {
    fn from(message: domain::RequestMessage) -> Self {
        Self {
            id: message.id,
            request_id: message.request_id,
            author_type: message.author_type,
            author_id: message.author_id,
            content: message.content,
            metadata: message.metadata,
            created_at: message.created_at,
        }
    }
}
