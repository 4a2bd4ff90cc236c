//! The seed a fresh data directory starts with: a tenant, its people, its AWS and its policies.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use stint::auth::ApiScope;
use stint::auth::api_key::ApiKeySecret;
use stint::context::{RandomError, random_bytes};
use stint::domain::{
    ApiKeyId, AwsResource, BreakGlass, DirectoryLink, ExternalId, InstanceTenants, OidcConfig, Person, PersonLink,
    ResourceError, Role, Seconds, Tenant, TenantId, TenantSettings, User, Versions,
};
use stint::store::{CommitError, Record, Table, Transaction};
use stint::tenancy::{NewKey, NewTenant};
use uuid::Uuid;

use crate::aws::{self, AwsSeed, Unit};
use crate::oidc::DevUser;

/// What a fresh data directory starts with.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seed {
    /// The tenant.
    pub tenant: SeedTenant,
    /// Who can log in.
    pub people: Vec<DevUser>,
    /// What there is in AWS.
    pub aws: AwsSeed,
    /// Bodies of `POST /v1/policies`.
    pub policies: Vec<Value>,
}

/// A tenant to start with.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedTenant {
    /// Its id; a fixed one if left out.
    #[serde(default = "default_tenant_id")]
    pub id: TenantId,
    /// What people call it.
    pub name: String,
    /// Its short name.
    pub slug: String,
    /// Which groups have which role; everybody is a `user`.
    #[serde(default)]
    pub roles: BTreeMap<Role, Vec<String>>,
    /// Emergency access.
    pub break_glass: BreakGlass,
    /// The length of a grant when nobody names one.
    pub default_duration_seconds: Seconds,
    /// How many grants of one principal may be decided and not usable yet.
    #[serde(default = "TenantSettings::default_max_pending_grants")]
    pub max_pending_grants: u32,
}

/// The same for every data directory, so that what was pasted once works after `--reset`.
fn default_tenant_id() -> TenantId {
    Uuid::from_u128(0x019a_3f5e_7c1b_7000_8000_0000_0000_0001).into()
}

/// The name of the key that is made at first start, and the user name of the Identity Store user set on it.
pub const API_KEY_NAME: &str = "stint-local";

/// A seed cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// It is not what a seed looks like.
    #[error("the seed cannot be read: {0}")]
    Format(#[from] serde_json::Error),
    /// Something in it has no valid id.
    #[error("the seed is not valid: {0}")]
    Resource(#[from] ResourceError),
    /// The table does not take it.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The machine has no randomness.
    #[error(transparent)]
    Randomness(#[from] RandomError),
}

impl Seed {
    /// The seed `stint-local` has without a file.
    ///
    /// # Panics
    ///
    /// Never: a test reads it.
    #[must_use]
    pub fn example() -> Self {
        #[expect(clippy::expect_used, reason = "the file is part of the program, and a test reads it")]
        Self::read(include_str!("../seeds/example.json")).expect("the example seed can be read")
    }

    /// Reads a seed.
    ///
    /// # Errors
    ///
    /// [`SeedError::Format`] when it is none.
    pub fn read(text: &str) -> Result<Self, SeedError> {
        let mut seed: Self = serde_json::from_str(text)?;
        let people = seed.people.iter().map(|person| {
            let (sub, email) = (person.sub.clone(), person.email.clone());
            aws::User { user_id: String::new(), user_name: sub.clone(), email, sub, external_ids: Vec::new() }
        });
        seed.aws.users.extend(people);
        let mut machine = aws::User::named(API_KEY_NAME);
        machine.email = format!("{API_KEY_NAME}@localhost");
        seed.aws.users.push(machine);
        seed.aws = seed.aws.with_ids();
        Ok(seed)
    }

    /// The tenant's id.
    #[must_use]
    pub fn tenant_id(&self) -> TenantId {
        self.tenant.id
    }

    /// Writes the tenant with its people and its directory, and a key with every scope, which is returned.
    ///
    /// # Errors
    ///
    /// [`SeedError`] when something in it is not valid, or the table does not take it.
    pub async fn plant(
        &self,
        table: &Table,
        oidc: OidcConfig,
        key_id: ApiKeyId,
        now: Timestamp,
    ) -> Result<ApiKeySecret, SeedError> {
        let id = self.tenant_id();
        let tenant = NewTenant {
            id,
            name: self.tenant.name.clone(),
            slug: self.tenant.slug.clone(),
            oidc: Some(oidc.clone()),
            roles: self.tenant.roles.clone(),
            verified_domains: Vec::new(),
            settings: TenantSettings {
                break_glass: self.tenant.break_glass.clone(),
                default_duration_seconds: self.tenant.default_duration_seconds,
                max_pending_grants: self.tenant.max_pending_grants,
            },
        };
        let key = self.key(key_id);
        let (key, secret) = key.issue(id, random_bytes()?, now);
        let mut writes = Transaction::new(id);
        writes.put(&tenant.record(random_bytes()?, now)).map_err(CommitError::from)?;
        writes.put(&Versions::default()).map_err(CommitError::from)?;
        writes.put(&key).map_err(CommitError::from)?;
        writes.list_tenant().map_err(CommitError::from)?;
        let tenant = table.tenant(id);
        tenant.commit(writes).await?;
        let (people, links) = self.directory();
        tenant.put_all(&people).await?;
        tenant.put_all(&links.iter().map(|(key, user_ids)| link(key, user_ids.clone())).collect::<Vec<_>>()).await?;
        let users: Vec<User> = self.people.iter().map(|person| signed_in(person, &oidc)).collect();
        tenant.put_all(&users).await?;
        tenant.put_all(&self.resources(now)?).await?;
        trust(table, id, &oidc).await?;
        self.register_instance(table).await?;
        Ok(secret)
    }

    /// Makes the Identity Center instance the tenant's, unless another tenant was planted before.
    async fn register_instance(&self, table: &Table) -> Result<(), CommitError> {
        if table.instance(&self.aws.instance_arn).await?.is_some() {
            return Ok(());
        }
        let mut writes = Transaction::new(self.tenant_id());
        writes.create_shared(&InstanceTenants::registered_by(self.aws.instance_arn.clone(), self.tenant_id()))?;
        table.tenant(self.tenant_id()).commit(writes).await
    }

    /// The key with every scope, which receives what it asks for as the service user of its name.
    #[must_use]
    pub fn key(&self, id: ApiKeyId) -> NewKey {
        let user = self.aws.users.iter().find(|user| user.user_name == API_KEY_NAME);
        NewKey {
            id,
            name: API_KEY_NAME.to_owned(),
            scopes: ApiScope::ALL.to_vec(),
            identity_store_user_id: user.map(|user| user.user_id.clone()),
        }
    }

    /// What a sync of the Identity Store would find: its users, and whom each key leads to.
    fn directory(&self) -> (Vec<Person>, Links) {
        let person = |user: &aws::User| Person {
            user_id: user.user_id.clone(),
            user_name: user.user_name.clone(),
            display_name: Some(user.user_name.clone()),
            emails: Some(user.email.clone()).filter(|email| !email.is_empty()).into_iter().collect(),
            external_ids: user.external_ids.iter().map(external_id).collect(),
            missing_since: None,
            gone_at: None,
        };
        let people: Vec<Person> = self.aws.users.iter().map(person).collect();
        let mut links = Links::new();
        for person in &people {
            for key in person.link_keys() {
                links.entry(key).or_default().insert(person.user_id.clone());
            }
        }
        (people, links)
    }

    /// What a sync of Organizations and Identity Center would find.
    fn resources(&self, now: Timestamp) -> Result<Vec<AwsResource>, SeedError> {
        let mut resources = Vec::new();
        let mut units: Vec<(&Unit, Option<&str>)> = vec![(&self.aws.root, None)];
        while let Some((unit, parent)) = units.pop() {
            resources.push(AwsResource::unit(&unit.id, &unit.name, parent, now)?);
            for account in &unit.accounts {
                let tags = account.tags.clone();
                let account = AwsResource::account(&account.id, &account.name, &unit.id, now)?;
                resources.push(AwsResource { tags, ..account });
            }
            units.extend(unit.units.iter().map(|below| (below, Some(unit.id.as_str()))));
        }
        for (rank, set) in (1..).zip(&self.aws.permission_sets) {
            let set = AwsResource::permission_set(&set.arn, &set.name, now)?;
            resources.push(AwsResource { rank: Some(rank), ..set });
        }
        Ok(resources)
    }
}

fn external_id(given: &aws::ExternalId) -> ExternalId {
    ExternalId { issuer: given.issuer.clone(), id: given.id.clone() }
}

/// Whom the keys of links lead to.
type Links = BTreeMap<String, BTreeSet<String>>;

fn link(key: &str, user_ids: BTreeSet<String>) -> PersonLink {
    PersonLink { key: key.to_owned(), user_ids }
}

/// What is known of a person once they have called with a token of the issuer.
fn signed_in(person: &DevUser, oidc: &OidcConfig) -> User {
    User {
        sub: person.sub.clone(),
        email: Some(person.email.clone()),
        name: Some(person.name.clone()),
        groups: person.groups.clone(),
        link: DirectoryLink {
            external_id: Some(ExternalId { issuer: oidc.issuer_url.clone(), id: person.sub.clone() }),
            ..DirectoryLink::default()
        },
        issued_at: None,
        version: 0,
    }
}

/// Makes a tenant trust an issuer: at every start, since the port is part of the issuer's name.
///
/// # Errors
///
/// [`SeedError`] when the table does not take it.
pub async fn trust(table: &Table, id: TenantId, oidc: &OidcConfig) -> Result<(), SeedError> {
    let tenant = table.tenant(id);
    let mut writes = Transaction::new(id);
    writes.trust(&oidc.issuer_url, oidc.audience()).map_err(CommitError::from)?;
    if let Some(current) = tenant.get::<Tenant>(Tenant::KIND).await.map_err(CommitError::from)?
        && current.oidc.as_ref() != Some(oidc)
    {
        writes.put(&Tenant { oidc: Some(oidc.clone()), ..current }).map_err(CommitError::from)?;
    }
    tenant.commit(writes).await?;
    Ok(())
}
