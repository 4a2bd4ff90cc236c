//! The groups a token lists, or that it leaves them out.

use serde_json::{Map, Value};

use super::Refusal;
use super::claims::texts;
use super::path::{first_name, lookup};

/// The groups of the claim a tenant names; `None` if the token leaves them out, which is not to be in none: a rule may
/// forbid by group. An empty list is to be in none.
///
/// # Errors
///
/// [`Refusal::Groups`] when the claim holds something else than texts.
pub(super) fn groups(claims: &Map<String, Value>, claim: &str) -> Result<Option<Vec<String>>, Refusal> {
    if are_elsewhere(claims, claim) {
        return Ok(None);
    }
    match lookup(claims, claim) {
        None | Some(Value::Null) => Ok(None),
        Some(groups) => {
            let groups = texts(groups).ok_or(Refusal::Groups)?;
            Ok(Some(groups.into_iter().filter(|group| !group.is_empty()).map(str::to_owned).collect()))
        }
    }
}

/// Whether the token says that there are groups it does not list: Entra ID's `hasgroups`, or the claim's name among those
/// that are elsewhere (`_claim_names`, OpenID Connect Core, section 5.6.2), whole or by its first name, or `groups`, which
/// is what Entra ID names whatever the claim is called. All without regard to case, and also where it is written as text.
fn are_elsewhere(claims: &Map<String, Value>, claim: &str) -> bool {
    let mut names = vec![claim.to_ascii_lowercase(), first_name(claim).to_ascii_lowercase(), "groups".to_owned()];
    names.retain(|name| !name.is_empty());
    claims.iter().any(|(key, value)| {
        let key = key.to_ascii_lowercase();
        match key.as_str() {
            "hasgroups" => !is_no(value),
            "_claim_names" => names_any(value, &names),
            // The short form, `groups:src1`.
            _ => names.iter().any(|name| key.strip_prefix(name.as_str()).is_some_and(|rest| rest.starts_with(":src"))),
        }
    })
}

/// Whether a flag is off. Whatever is not plainly off is on.
fn is_no(flag: &Value) -> bool {
    match flag {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::String(flag) => flag.eq_ignore_ascii_case("false"),
        Value::Number(_) | Value::Array(_) | Value::Object(_) => false,
    }
}

fn names_any(value: &Value, names: &[String]) -> bool {
    match value {
        Value::Object(sources) => sources.keys().any(|key| names.contains(&key.to_ascii_lowercase())),
        Value::Array(values) => values.iter().any(|value| names_any(value, names)),
        Value::String(text) => {
            let text = text.to_ascii_lowercase();
            names.iter().any(|name| text.contains(name.as_str()))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use serde_json::json;

    use super::*;

    #[test]
    fn groups_that_are_left_out_are_not_none() {
        let elsewhere = json!({"src1": {"endpoint": "https://graph.example.com"}});
        let cases = [
            ("groups", json!({"groups": []}), Some(vec![])),
            ("groups", json!({"groups": ["a"], "hasgroups": false}), Some(vec!["a"])),
            ("groups", json!({"groups": ["a"], "hasgroups": "False"}), Some(vec!["a"])),
            ("groups", json!({"groups": ["a"], "_claim_names": {"address": "src1"}}), Some(vec!["a"])),
            ("cognito:groups", json!({"cognito:groups": ["a"]}), Some(vec!["a"])),
            ("groups", json!({}), None),
            ("groups", json!({"groups": null}), None),
            ("groups", json!({"hasgroups": true}), None),
            ("groups", json!({"groups": [], "hasgroups": true}), None),
            ("groups", json!({"groups": [], "hasgroups": "true"}), None),
            ("groups", json!({"groups": [], "hasgroups": 1}), None),
            ("groups", json!({"groups": [], "HasGroups": true}), None),
            ("groups", json!({"groups": [], "_claim_names": {"groups": "src1"}, "_claim_sources": elsewhere}), None),
            ("groups", json!({"groups": [], "_claim_names": {"Groups": "src1"}}), None),
            ("groups", json!({"groups": [], "_claim_names": r#"{"groups":"src1"}"#}), None),
            ("groups", json!({"groups": [], "_claim_names": ["groups:src1"]}), None),
            ("groups", json!({"groups": [], "groups:src1": "https://graph.example.com"}), None),
            ("roles", json!({"roles": [], "_claim_names": {"groups": "src1"}}), None),
            ("realm_access.roles", json!({"realm_access": {"roles": []}, "_claim_names": {"realm_access": "s"}}), None),
            (
                "/realm_access/roles",
                json!({"realm_access": {"roles": []}, "_claim_names": {"Realm_Access": "s"}}),
                None,
            ),
            ("a.b", json!({"a": {"b": ["c"]}, "_claim_names": {"a.b": "s"}}), None),
        ];
        for (claim, claims, expected) in cases {
            let groups = groups(claims.as_object().unwrap(), claim).unwrap();
            let expected: Option<Vec<String>> =
                expected.map(|groups: Vec<&str>| groups.into_iter().map(str::to_owned).collect());
            assert_eq!(groups, expected, "{claim} {claims}");
        }
    }
}
