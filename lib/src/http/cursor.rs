//! Pages: `limit` and `cursor` in, `{data, next_cursor, has_more}` out.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use stint_api::PageOf;
use utoipa::IntoParams;

use super::error::Error;
use super::size;
use crate::domain::Tenant;

/// How many, and from where on.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PageParams {
    /// At most this many; fewer when more would not fit an answer.
    #[param(minimum = 1, maximum = 250, default = 50, example = 50)]
    pub limit: Option<u32>,
    /// The `next_cursor` of the page before. It is bound to the tenant and the filters.
    #[param(max_length = 1400, example = "rGm0p2q5cR8rFQv1dKq3V1siMDE5YTNmNWUiXQ")]
    pub cursor: Option<String>,
}

const DEFAULT_LIMIT: u32 = 50;
const MAX_LIMIT: u32 = 250;
/// Half of an HMAC-SHA-256 (RFC 2104 allows no shorter one).
const TAG_BYTES: usize = 16;
/// DynamoDB takes no longer sort key. With the tag, in Base64, a cursor has less than 1,400 characters.
const LONGEST_KEY: usize = 1024;

impl PageParams {
    /// How many.
    pub(super) fn limit(&self) -> Result<usize, Error> {
        match self.limit.unwrap_or(DEFAULT_LIMIT) {
            limit @ 1..=MAX_LIMIT => Ok(limit as usize),
            _ => Err(Error::input("limit", format!("must be between 1 and {MAX_LIMIT}"))),
        }
    }

    /// The position a cursor names, not yet checked: good for a read that [`PageParams::check`] must approve of.
    pub(super) fn position(&self) -> Result<Option<String>, Error> {
        self.cursor.as_deref().map(|cursor| split(cursor).map(|(position, _)| position)).transpose()
    }

    /// Checks that the cursor was made for this tenant and these filters.
    pub(super) fn check(&self, tenant: &Tenant, filter: &str) -> Result<(), Error> {
        let Some(cursor) = &self.cursor else { return Ok(()) };
        let (position, tag) = split(cursor)?;
        let expected = sign(tenant, filter, &position);
        aws_lc_rs::constant_time::verify_slices_are_equal(&tag, &expected).map_err(|_| refused())
    }
}

/// A page of items with their positions, as many as an answer may hold. `next` is the position to go on after the
/// last of them, if others follow.
pub(super) fn page_of<T: Serialize>(
    items: impl IntoIterator<Item = (String, T)>,
    next: Option<String>,
    tenant: &Tenant,
    filter: &str,
) -> Result<PageOf<T>, Error> {
    let (data, next) = size::fitting(items, next)?;
    let next_cursor = next.map(|position| cursor(&position, tenant, filter));
    Ok(PageOf { data, has_more: next_cursor.is_some(), next_cursor })
}

/// A page of what is in memory as a whole, in the order of its keys.
pub(super) fn page_of_all<K: Ord + Serialize + DeserializeOwned, T: Serialize>(
    all: impl IntoIterator<Item = (K, T)>,
    page: &PageParams,
    tenant: &Tenant,
    filter: &str,
) -> Result<PageOf<T>, Error> {
    let limit = page.limit()?;
    page.check(tenant, filter)?;
    let after: Option<K> =
        page.position()?.map(|position| serde_json::from_str(&position).map_err(|_| refused())).transpose()?;
    let mut rest: Vec<_> = all.into_iter().filter(|(key, _)| after.as_ref().is_none_or(|after| key > after)).collect();
    rest.sort_by(|(left, _), (right, _)| left.cmp(right));
    let more = rest.len() > limit;
    rest.truncate(limit);
    let position = |key: &K| serde_json::json!(key).to_string();
    let last = rest.last().filter(|_| more).map(|(key, _)| position(key));
    page_of(rest.into_iter().map(|(key, item)| (position(&key), item)), last, tenant, filter)
}

/// The cursor of a position.
pub(super) fn cursor(position: &str, tenant: &Tenant, filter: &str) -> String {
    let mut bytes = sign(tenant, filter, position);
    bytes.extend_from_slice(position.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What to say of a cursor that is none of ours.
pub(super) fn refused() -> Error {
    Error::input("cursor", "is not a cursor of this list with these filters; start again without it")
}

fn split(cursor: &str) -> Result<(String, Vec<u8>), Error> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| refused())?;
    let (tag, position) = bytes.split_at_checked(TAG_BYTES).ok_or_else(refused)?;
    let position = String::from_utf8(position.to_vec()).map_err(|_| refused())?;
    if !(1..=LONGEST_KEY).contains(&position.len()) {
        return Err(refused());
    }
    Ok((position, tag.to_vec()))
}

fn sign(tenant: &Tenant, filter: &str, position: &str) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, tenant.cursor_key.as_bytes());
    let text = serde_json::json!([tenant.id, filter, position]).to_string();
    let mut tag = hmac::sign(&key, text.as_bytes()).as_ref().to_vec();
    tag.truncate(TAG_BYTES);
    tag
}

/// For the fuzz target `cursor`: a text that can be taken apart is the one spelling of what it holds.
#[cfg(fuzzing)]
pub fn fuzz_cursor(text: &str) {
    let Ok((position, mut bytes)) = split(text) else { return };
    bytes.extend_from_slice(position.as_bytes());
    assert_eq!(URL_SAFE_NO_PAD.encode(bytes), text, "another spelling");
    let _ = serde_json::from_str::<(uuid::Uuid, u64)>(&position);
}
