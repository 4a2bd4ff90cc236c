//! Messages on a request.

use super::change::{Subject, metadata};
use super::{AccessError, Change, OperationContext, request_visible};
use crate::domain::text::is_blank;
use crate::domain::{AccessRequest, AuthorType, EventKind, Metadata, RequestMessage};

/// Adds a message to a request.
///
/// # Errors
///
/// [`AccessError`] if the caller may not see the request, or the message is empty or too long.
pub async fn add_message(
    access: &OperationContext,
    request: Option<AccessRequest>,
    content: String,
    attached: Metadata,
) -> Result<Change<RequestMessage>, AccessError> {
    let request = request_visible(access, request).await?;
    let length = content.chars().count();
    if is_blank(&content) || length > MAX_CONTENT {
        return Err(AccessError::input("content", format!("must be 1 to {MAX_CONTENT} characters; it has {length}")));
    }
    let author = &access.caller().principal().who;
    let message = RequestMessage {
        id: access.id(),
        request_id: request.id,
        author_type: if request.was_made_by(author) { AuthorType::User } else { AuthorType::Approver },
        author_id: author.id.clone(),
        content,
        metadata: attached,
        created_at: access.now(),
    };
    let mut writes = access.begin();
    writes.create(&message)?;
    let mut about = request.about();
    about.metadata = metadata([("message_id", message.id.to_string().into())]);
    about.reasoning = None;
    writes.event(access.event(EventKind::RequestMessageAdded, about))?;
    Ok(Change::new(writes, message))
}

const MAX_CONTENT: usize = 10_000;
