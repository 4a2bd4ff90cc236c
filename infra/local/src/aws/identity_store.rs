//! identitystore: who has which user id, and who is in which group.

mod groups;

use serde::Deserialize;
use serde_json::{Value, json};

use super::Services;
use super::permissions::{Permission, everything, permission, text};
use super::seeded::{ExternalId as Known, User};
use super::service::{Invocation, StandIn};
use super::wire::{Answer, Failure, Request, page, read};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetUserId {
    alternate_identifier: AlternateIdentifier,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AlternateIdentifier {
    unique_attribute: Option<Attribute>,
    external_id: Option<ExternalId>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ExternalId {
    issuer: String,
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attribute {
    attribute_path: String,
    attribute_value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct UserId {
    user_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListUsers {
    #[serde(default)]
    filters: Vec<Attribute>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CreateUser {
    user_name: String,
    #[serde(default)]
    emails: Vec<Email>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Email {
    value: String,
}

pub(super) const STAND_IN: StandIn = StandIn {
    target: Some("AWSIdentityStore"),
    answer: Services::identity_store,
    required_permissions,
    ..StandIn::JSON_1_1
};

fn required_permissions(request: &Request, account: &str) -> Vec<Permission> {
    // A call is granted on the store and on all of the kinds it reads: which ones, is what it asks.
    let kinds: &[&str] = match request.operation.as_str() {
        "GetUserId" | "ListUsers" => &["user"],
        "IsMemberInGroups" => &["user", "group", "membership"],
        _ => return everything(request, account),
    };
    let store = text(&request.input, "IdentityStoreId");
    let store = format!("arn:aws:identitystore::{account}:identitystore/{store}");
    let read = kinds.iter().map(|kind| format!("arn:aws:identitystore:::{kind}/*"));
    std::iter::once(store).chain(read).map(|of| permission("identitystore", &request.operation, of)).collect()
}

impl Services {
    fn identity_store(&self, call: &Invocation<'_>) -> Answer {
        let (operation, input) = (call.operation, call.input);
        let store = input.get("IdentityStoreId").and_then(Value::as_str);
        let ours = self.seeded.identity_store_id.as_str();
        match store {
            None => return Err(Failure::validation("IdentityStoreId is missing")),
            Some(store) if store != ours => {
                return Err(
                    Failure::not_found("IDENTITY_STORE not found.").with("ResourceType", json!("IDENTITY_STORE"))
                );
            }
            Some(_) => {}
        }
        match operation {
            "GetUserId" => {
                let wanted = read::<GetUserId>(input)?.alternate_identifier;
                let is_wanted: Box<dyn Fn(&User) -> bool> = match (wanted.unique_attribute, wanted.external_id) {
                    (Some(unique), None) => {
                        let by = attribute(&unique.attribute_path)?;
                        Box::new(move |user| by(user).eq_ignore_ascii_case(&unique.attribute_value))
                    }
                    (None, Some(ExternalId { issuer, id })) => {
                        let is = move |known: &Known| known.issuer == issuer && known.id == id;
                        Box::new(move |user| user.external_ids.iter().any(&is))
                    }
                    _ => return Err(Failure::validation("one of UniqueAttribute and ExternalId identifies a user")),
                };
                let state = self.store.lock();
                let user = state.users.iter().find(|user| is_wanted(user)).ok_or_else(no_user)?;
                Ok(json!({ "IdentityStoreId": ours, "UserId": user.user_id }))
            }
            "DescribeUser" => {
                let UserId { user_id } = read(input)?;
                let state = self.store.lock();
                let user = state.users.iter().find(|user| user.user_id == user_id);
                user.map(|user| document(ours, user)).ok_or_else(no_user)
            }
            "ListUsers" => {
                let ListUsers { filters } = read(input)?;
                let filters = filters
                    .iter()
                    .map(|filter| match filter.attribute_path.as_str() {
                        "UserName" | "userName" => Ok(&filter.attribute_value),
                        other => Err(Failure::validation(format!("no filter by `{other}`"))),
                    })
                    .collect::<Result<Vec<_>, _>>()?;
                let state = self.store.lock();
                let users = state
                    .users
                    .iter()
                    .filter(|user| filters.iter().all(|name| user.user_name == **name))
                    .map(|user| document(ours, user))
                    .collect();
                drop(state);
                page("Users", users, input, 100)
            }
            "CreateUser" => self.create_user(read(input)?),
            "DeleteUser" => {
                let UserId { user_id } = read(input)?;
                self.store.change(|state| {
                    let place = state.users.iter().position(|user| user.user_id == user_id);
                    state.users.remove(place.ok_or_else(no_user)?);
                    Ok(json!({}))
                })
            }
            _ => self.groups(operation, input),
        }
    }

    fn create_user(&self, input: CreateUser) -> Answer {
        let now = self.clock.now();
        self.store.change(|state| {
            let taken = |user: &User| user.user_name.eq_ignore_ascii_case(&input.user_name);
            if state.users.iter().any(taken) {
                return Err(Failure::conflict("Duplicate UserName"));
            }
            let user_id = state.next_uuid(now).to_string();
            let email = input.emails.into_iter().next().map(|email| email.value);
            state.users.push(User {
                user_id: user_id.clone(),
                sub: input.user_name.clone(),
                user_name: input.user_name,
                email: email.unwrap_or_default(),
                external_ids: Vec::new(),
            });
            Ok(json!({ "IdentityStoreId": self.seeded.identity_store_id, "UserId": user_id }))
        })
    }
}

fn attribute(path: &str) -> Result<fn(&User) -> &str, Failure> {
    match path {
        "userName" => Ok(|user| &user.user_name),
        "emails.value" => Ok(|user| &user.email),
        other => Err(Failure::validation(format!("`{other}` does not identify a user"))),
    }
}

fn document(identity_store_id: &str, user: &User) -> Value {
    let external = user.external_ids.iter().map(|one| json!({ "Issuer": one.issuer, "Id": one.id }));
    let mut document = json!({
        "IdentityStoreId": identity_store_id,
        "UserId": user.user_id,
        "UserName": user.user_name,
        "DisplayName": user.user_name,
        "ExternalIds": external.collect::<Vec<_>>(),
    });
    if let Some(members) = document.as_object_mut().filter(|_| !user.email.is_empty()) {
        members.insert("Emails".to_owned(), json!([{ "Value": user.email, "Type": "work", "Primary": true }]));
    }
    document
}

fn no_user() -> Failure {
    Failure::not_found("USER not found.").with("ResourceType", json!("USER"))
}
