//! The organization, its people and its permission sets, as a seed file states them.
//!
//! Ids that a seed leaves out are derived from names, so they are the same at every start.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Error;

/// Everything that exists in AWS before stint does anything.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AwsSeed {
    /// The account stint runs in; also the organization's management account.
    #[serde(default = "default_account_id")]
    pub account_id: String,
    /// The Identity Center instance.
    #[serde(default = "default_instance_arn")]
    pub instance_arn: String,
    /// The instance's identity store.
    #[serde(default = "default_identity_store_id")]
    pub identity_store_id: String,
    /// The organization's root and all below it.
    pub root: Unit,
    /// The people in the identity store.
    #[serde(default)]
    pub users: Vec<User>,
    /// The permission sets of the instance.
    #[serde(default)]
    pub permission_sets: Vec<PermissionSet>,
    /// Roles that ask for an external id; any other role can be assumed without.
    #[serde(default)]
    pub roles: Vec<Role>,
}

/// The root of the organization or an organizational unit.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unit {
    /// `r-…` or `ou-…`; derived when empty.
    #[serde(default)]
    pub id: String,
    /// Its name.
    pub name: String,
    /// The units directly below.
    #[serde(default)]
    pub units: Vec<Unit>,
    /// The accounts directly below.
    #[serde(default)]
    pub accounts: Vec<Account>,
}

/// A member account.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// Twelve digits.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Its `State`, as Organizations calls it.
    #[serde(default = "active")]
    pub state: String,
}

/// A person in the identity store.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// Derived when empty.
    #[serde(default)]
    pub user_id: String,
    /// `userName`.
    pub user_name: String,
    /// The primary address.
    pub email: String,
    /// The subject the person's tokens carry; `user_name` when empty.
    #[serde(default)]
    pub sub: String,
    /// The ids other systems gave the person.
    #[serde(default)]
    pub external_ids: Vec<ExternalId>,
}

/// An id another system gave a person.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExternalId {
    /// Who gave it.
    pub issuer: String,
    /// The id.
    pub id: String,
}

/// A permission set.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PermissionSet {
    /// Its name.
    pub name: String,
    /// Derived when empty.
    #[serde(default)]
    pub arn: String,
    /// ISO 8601, as `PT1H`.
    #[serde(default = "default_session_duration")]
    pub session_duration: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The inline policy document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inline_policy: Option<String>,
}

/// A role another account gives us.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// Its ARN.
    pub arn: String,
    /// What `AssumeRole` must be called with.
    pub external_id: String,
}

fn default_account_id() -> String {
    "000000000000".to_owned()
}

fn default_instance_arn() -> String {
    "arn:aws:sso:::instance/ssoins-5717000000000001".to_owned()
}

fn default_identity_store_id() -> String {
    "d-5717000001".to_owned()
}

fn active() -> String {
    "ACTIVE".to_owned()
}

fn default_session_duration() -> String {
    "PT1H".to_owned()
}

impl AwsSeed {
    /// The same seed with every id that was left out.
    #[must_use]
    pub fn with_ids(mut self) -> Self {
        if self.root.id.is_empty() {
            self.root.id = "r-5717".to_owned();
        }
        for unit in &mut self.root.units {
            unit.fill_ids("");
        }
        for user in &mut self.users {
            if user.user_id.is_empty() {
                user.user_id = Uuid::from_u128(fingerprint(&user.user_name)).to_string();
            }
            if user.sub.is_empty() {
                user.sub.clone_from(&user.user_name);
            }
        }
        let instance = self.instance_arn.rsplit('/').next().unwrap_or_default();
        for set in &mut self.permission_sets {
            if set.arn.is_empty() {
                set.arn = permission_set_arn(instance, fingerprint(&set.name));
            }
        }
        self
    }

    /// The permission set of this name.
    #[must_use]
    pub fn permission_set(&self, name: &str) -> Option<&PermissionSet> {
        self.permission_sets.iter().find(|set| set.name == name)
    }

    /// The person whose tokens carry this subject.
    #[must_use]
    pub fn user(&self, sub: &str) -> Option<&User> {
        self.users.iter().find(|user| user.sub == sub)
    }

    /// Every unit with its accounts, the root first.
    #[must_use]
    pub fn units(&self) -> Vec<&Unit> {
        let mut units = vec![&self.root];
        let mut next = 0;
        while let Some(unit) = units.get(next).copied() {
            units.extend(&unit.units);
            next += 1;
        }
        units
    }

    /// Every account.
    #[must_use]
    pub fn accounts(&self) -> Vec<&Account> {
        self.units().into_iter().flat_map(|unit| &unit.accounts).collect()
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        let wrong = |what: String| Err(Error::Seed(what));
        for account in self.accounts() {
            if !is_account_id(&account.id) {
                return wrong(format!("account id `{}` is not twelve digits", account.id));
            }
        }
        for user in &self.users {
            if !is_principal_id(&user.user_id) {
                return wrong(format!("user id `{}` is not a UUID", user.user_id));
            }
        }
        if !self.instance_arn.starts_with("arn:aws:sso:::instance/") {
            return wrong(format!("instance `{}` is not an ARN", self.instance_arn));
        }
        Ok(())
    }
}

impl Unit {
    /// A unit with nothing below it.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// With this unit below it.
    #[must_use]
    pub fn unit(mut self, unit: Self) -> Self {
        self.units.push(unit);
        self
    }

    /// With this account below it.
    #[must_use]
    pub fn account(mut self, id: &str, name: &str) -> Self {
        self.accounts.push(Account::named(id, name));
        self
    }

    fn fill_ids(&mut self, above: &str) {
        let path = format!("{above}/{}", self.name);
        if self.id.is_empty() {
            self.id = format!("ou-5717-{:08x}", fingerprint(&path) & 0xffff_ffff);
        }
        for unit in &mut self.units {
            unit.fill_ids(&path);
        }
    }
}

impl Account {
    /// An active account without tags.
    #[must_use]
    pub fn named(id: &str, name: &str) -> Self {
        Self { id: id.to_owned(), name: name.to_owned(), tags: BTreeMap::new(), state: active() }
    }
}

impl User {
    /// `name` is the user name and the subject; the address is `name@example.com`.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self {
            user_id: Uuid::from_u128(fingerprint(name)).to_string(),
            user_name: name.to_owned(),
            email: format!("{name}@example.com"),
            sub: name.to_owned(),
            external_ids: Vec::new(),
        }
    }
}

impl PermissionSet {
    /// A permission set with sessions of an hour.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            arn: String::new(),
            session_duration: default_session_duration(),
            description: None,
            inline_policy: None,
        }
    }
}

/// `instance` is the last part of the instance's ARN.
pub(super) fn permission_set_arn(instance: &str, id: u128) -> String {
    format!("arn:aws:sso:::permissionSet/{instance}/ps-{:016x}", id & 0xffff_ffff_ffff_ffff)
}

pub(super) fn is_account_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A UUID, in older identity stores behind ten hexadecimal digits and a dash.
pub(super) fn is_principal_id(text: &str) -> bool {
    let uuid = match text.split_once('-') {
        Some((prefix, rest)) if prefix.len() == 10 => rest,
        Some(_) | None => text,
    };
    uuid.len() == 36 && Uuid::try_parse(uuid).is_ok()
}

/// FNV-1a, 128 bits: stable and spread well enough to name things by.
fn fingerprint(text: &str) -> u128 {
    text.bytes().fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d, |hash, byte| {
        (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b)
    })
}
