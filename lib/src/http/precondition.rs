//! Entity tags: the version of what is answered, and the one a change is to be made over.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;

use super::body::Input;
use super::error::Error;
use crate::app::IfMatch;

/// The entity tag of a version.
pub(super) fn etag(version: u64) -> String {
    format!("\"{version}\"")
}

/// `If-Match`; without it, any version will do.
impl<S: Send + Sync> FromRequestParts<S> for Input<IfMatch> {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let lines: Result<Vec<_>, _> =
            parts.headers.get_all(header::IF_MATCH).into_iter().map(|value| value.to_str()).collect();
        let expected = match lines {
            Ok(lines) if lines.is_empty() => Some(IfMatch::Any),
            Ok(lines) => parse(&lines.join(",")),
            Err(_) => None,
        };
        Ok(Self(expected.ok_or_else(|| {
            Error::input("If-Match", "must be `*` or a list of entity tags in double quotes, as `ETag` gives them")
        })))
    }
}

/// RFC 9110, section 13.1.1. A weak tag is well-formed, and matches nothing.
fn parse(list: &str) -> Option<IfMatch> {
    let mut rest = list.trim();
    if rest == "*" {
        return Some(IfMatch::Any);
    }
    let mut tags = Vec::new();
    loop {
        let (weak, tag) = rest.strip_prefix("W/").map_or((false, rest), |tag| (true, tag));
        let (tag, after) = tag.strip_prefix('"')?.split_once('"')?;
        if !weak {
            tags.push(tag.to_owned());
        }
        rest = match after.trim_start() {
            "" => return Some(IfMatch::OneOf(tags)),
            after => after.strip_prefix(',')?.trim_start(),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_stars_and_weak_tags_are_read_and_bare_numbers_refused() {
        let one_of = |tags: &[&str]| Some(IfMatch::OneOf(tags.iter().map(|tag| (*tag).to_owned()).collect()));
        let table = [
            ("*", Some(IfMatch::Any)),
            ("\"3\"", one_of(&["3"])),
            ("\"3\" , \"a,b\",W/\"4\"", one_of(&["3", "a,b"])),
            ("W/\"3\"", one_of(&[])),
            ("3", None),
            ("\"3", None),
            ("\"3\" \"4\"", None),
            ("\"3\",", None),
            ("*, \"3\"", None),
            ("", None),
        ];
        for (text, expected) in table {
            assert_eq!(parse(text), expected, "{text}");
        }
    }
}
