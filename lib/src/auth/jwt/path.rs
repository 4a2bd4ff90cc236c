//! Finding a claim by the name a tenant gives it.

use serde_json::{Map, Value};

/// The claim a tenant names: by JSON Pointer if it begins with `/` (RFC 6901, objects only), else by its name, else by a
/// dotted path in which the longest name comes first, since names of custom claims are often URLs, which have dots.
pub(super) fn lookup<'a>(claims: &'a Map<String, Value>, claim: &str) -> Option<&'a Value> {
    match claim.strip_prefix('/') {
        Some(pointer) => {
            let mut names = pointer.split('/').map(|name| name.replace("~1", "/").replace("~0", "~"));
            let first = claims.get(&names.next()?)?;
            names.try_fold(first, |value, name| value.as_object()?.get(&name))
        }
        None => dotted(claims, claim),
    }
}

fn dotted<'a>(claims: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    claims.get(path).or_else(|| {
        path.rmatch_indices('.').find_map(|(dot, _)| {
            let inner = claims.get(path.get(..dot)?)?.as_object()?;
            dotted(inner, path.get(dot + 1..)?)
        })
    })
}

/// The first name on the way to a claim.
pub(super) fn first_name(claim: &str) -> String {
    match claim.strip_prefix('/') {
        Some(pointer) => pointer.split('/').next().unwrap_or_default().replace("~1", "/").replace("~0", "~"),
        None => claim.split('.').next().unwrap_or_default().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use serde_json::json;

    use super::*;

    #[test]
    fn claims_by_name_path_and_pointer() {
        let url = "https://example.com/app.v2";
        let claims = json!({
            "groups": "by name", "a.b": "name with a dot", "a": {"b": "not this", "c.d": "inner name", "c": {"e": "path"}},
            url: {"groups": "below a url"}, "a/b": {"m~n": "escaped"}, "resource_access": {"app.v2": {"roles": "r"}},
            "x.y": "no object", "x": {"y": {"z": "shorter name"}},
        });
        let claims = claims.as_object().unwrap();
        let below_url = format!("{url}.groups");
        let cases = [
            ("groups", Some("by name")),
            ("a.b", Some("name with a dot")),
            ("a.c.d", Some("inner name")),
            ("a.c.e", Some("path")),
            ("x.y.z", Some("shorter name")),
            (below_url.as_str(), Some("below a url")),
            ("resource_access.app.v2.roles", Some("r")),
            ("/groups", Some("by name")),
            ("/a/b", Some("not this")),
            ("/a.b", Some("name with a dot")),
            ("/a/c.d", Some("inner name")),
            ("/a~1b/m~0n", Some("escaped")),
            ("/resource_access/app.v2/roles", Some("r")),
            ("/a/c/e/f", None),
            ("/", None),
            ("/nobody", None),
            ("", None),
            (".", None),
            ("a..b", None),
            ("groups.0", None),
        ];
        for (claim, expected) in cases {
            assert_eq!(lookup(claims, claim).map(|value| value.as_str().unwrap()), expected, "{claim}");
        }
    }
}
