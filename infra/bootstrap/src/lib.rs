//! `stint-bootstrap`: creates a tenant and its administrator's API key, makes and revokes keys, and syncs the
//! directory.
//!
//! It can be run again at any time. The slug names the tenant, a tenant and its first key are one transaction, and what
//! exists is not changed.

mod drain;

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use aws_config::SdkConfig;
use clap::Parser;
use jiff::Timestamp;
use stint::app::Ids;
use stint::auth::api_key::{ApiKey, ApiKeySecret};
use stint::auth::jwks::{JwksError, check_issuer};
use stint::auth::scope::scopes_of;
use stint::aws::DirectoryError;
use stint::clock::Clock;
use stint::context::{self, RandomError, random_bytes};
use stint::domain::{
    ApiKeyId, BreakGlass, EventId, ExternalIdSource, GroupsClaim, OidcConfig, Role, Seconds, Tenant, TenantId,
    TenantSettings,
};
use stint::provision::WorkerError;
use stint::store::{CommitError, Record as _, StoreError, TenantTable};
use stint::tenancy::{self, InstanceError, KeyRevocation, NewKey, NewTenant, Slug, SlugError, TenancyError};
use stint::workers;
use stint::workers::sync::SyncCall;

pub use drain::{DrainArguments, DrainError, drain};

/// Creates a tenant and prints its administrator's API key once. Run again, it lists, makes or revokes the tenant's
/// keys.
///
/// Region and credentials come from the environment, as with the AWS CLI. The key goes to standard output, everything
/// else to standard error.
#[derive(Debug, Clone, Parser)]
#[command(version)]
pub struct Arguments {
    /// The stack's table: its output `TableName`.
    #[arg(long)]
    pub table: String,
    /// What people call the tenant.
    #[arg(long)]
    pub tenant_name: String,
    /// The tenant's short name, which tells it from others; made of its name if left out.
    #[arg(long, value_parser = Slug::parse)]
    pub slug: Option<Slug>,
    /// The identity provider people log in with, exactly as it stands in `iss`; without it only API keys work.
    #[arg(long, requires = "client_id", value_parser = issuer)]
    pub issuer: Option<String>,
    /// The client people log in with.
    #[arg(long, requires = "issuer")]
    pub client_id: Option<String>,
    /// What `aud` of their tokens must contain; the client's id if left out.
    #[arg(long, requires = "issuer")]
    pub audience: Option<String>,
    /// The claim that lists their groups.
    #[arg(long, requires = "issuer", default_value = "groups")]
    pub groups_claim: String,
    /// The claim that holds their e-mail address, by which the Identity Store knows them.
    #[arg(long, requires = "issuer", default_value = "email")]
    pub email_claim: String,
    /// Treats a person whose token has no groups as a member of no group, instead of refusing the token.
    #[arg(long, requires = "issuer")]
    pub groups_optional: bool,
    /// A value of `acr` that means more than one factor was used; may be given several times.
    #[arg(long, requires = "issuer")]
    pub mfa_acr_value: Vec<String>,
    /// Treats e-mail addresses in the verified domains as verified although the tokens do not say so.
    #[arg(long, requires = "verified_domain")]
    pub trust_email: bool,
    /// An e-mail domain that is the tenant's own; may be given several times.
    #[arg(long, requires = "issuer")]
    pub verified_domain: Vec<String>,
    /// Accepts access tokens without `aud` by their `client_id` (Amazon Cognito).
    #[arg(long, requires = "issuer")]
    pub client_id_as_audience: bool,
    /// The `Issuer` of the external ids in the Identity Store, if it is not the identity provider's `iss`.
    #[arg(long, requires = "issuer")]
    pub external_id_issuer: Option<String>,
    /// The claim that holds people's `Id` in those external ids.
    #[arg(long, requires = "external_id_issuer", default_value = "sub")]
    pub external_id_claim: String,
    /// The id of the Identity Store user who receives the access that the key requests. Without it, the key is granted none.
    #[arg(long)]
    pub identity_store_user_id: Option<String>,
    /// A group whose members administer the tenant; may be given several times.
    #[arg(long)]
    pub admin_group: Vec<String>,
    /// Makes another key for a tenant that exists; its other keys stay as they are.
    #[arg(long)]
    pub new_key: bool,
    /// Revokes the API key with this id: its next call gets 401. Its id is listed when the command runs without options.
    #[arg(long, value_name = "KEY_ID")]
    pub revoke_key: Option<ApiKeyId>,
    /// Reads accounts, their tags and units of Organizations, permission sets of Identity Center, and users of the
    /// Identity Store, into the tenant's directory, as the worker `sync` does by itself every 15 minutes. Registers the
    /// Identity Center instance for the tenant if no tenant has registered it.
    #[arg(long)]
    pub sync: bool,
    /// Lets the sync mark resources as gone even if that is more than a tenth of a kind.
    #[arg(long, requires = "sync")]
    pub accept_loss: bool,
    /// Lets the tenant with this slug also use this tenant's Identity Center instance: it can then give access through the
    /// instance, and its directory lists the instance's accounts, permission sets and people.
    #[arg(long, value_name = "SLUG", value_parser = Slug::parse)]
    pub share_instance_with: Option<Slug>,
    /// The Identity Center instance to read or share, where there are several.
    #[arg(long)]
    pub instance_arn: Option<String>,
}

/// Why the command failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The name does not yield a slug.
    #[error("a slug of `{0}` {1}; give one with `--slug`")]
    Slug(String, SlugError),
    /// The tenant was not created.
    #[error(transparent)]
    Tenancy(#[from] TenancyError),
    /// The table refused the write or did not answer.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The table did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The tenant has no key with this id.
    #[error("the tenant has no key `{0}`; run the command without `--revoke-key` to list its keys")]
    NoKey(ApiKeyId),
    /// There is no such table.
    #[error(
        "there is no table `{table}` in {region}: `--table` takes the stack's output `TableName`, `AWS_REGION` its region"
    )]
    NoTable {
        /// The name that was given.
        table: String,
        /// The region that was searched.
        region: String,
    },
    /// The Identity Center instance was not registered or shared.
    #[error(transparent)]
    InstanceTenants(#[from] InstanceError),
    /// There is no tenant with this slug.
    #[error("there is no tenant with the slug `{}`", .0.as_str())]
    NoTenant(Slug),
    /// The machine has no randomness.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// The Identity Center instance could not be determined.
    #[error("the Identity Center instance could not be determined: {0}")]
    Instance(#[from] DirectoryError),
    /// The directory was not synced, or not all of it; the log says which part.
    #[error("the directory was not synced: {0}")]
    Sync(#[from] WorkerError),
    /// The key was stored but could not be printed.
    #[error("the key could not be printed: {0}; make another with `--new-key`")]
    Output(std::io::Error),
    /// Messages could not be written.
    #[error("standard error cannot be written: {0}")]
    Notes(#[from] std::io::Error),
}

/// How often and how long to wait for another sync: together longer than `SYNC_LEASE`, so that the lease of an
/// interrupted sync has expired.
const MAX_SYNC_WAITS: usize = 9;
const SYNC_WAIT: Duration = Duration::from_secs(15);

fn issuer(text: &str) -> Result<String, JwksError> {
    check_issuer(text).map(|()| text.to_owned())
}

/// Does what the arguments say. The key goes to `output`, what happens to `notes`.
///
/// # Errors
///
/// [`Error`]; running it again continues.
pub async fn run(
    arguments: &Arguments,
    aws: &SdkConfig,
    clock: Clock,
    output: &mut impl Write,
    notes: &mut impl Write,
) -> Result<(), Error> {
    let name = &arguments.tenant_name;
    let slug = match &arguments.slug {
        Some(slug) => slug.clone(),
        None => Slug::of(name).map_err(|error| Error::Slug(name.clone(), error))?,
    };
    let (id, now) = (slug.tenant_id(), clock.now());
    let table = context::table(aws, arguments.table.clone());
    let tenant = table.tenant(id);
    if arguments.new_key || arguments.revoke_key.is_some() {
        // A misspelled name must not create a tenant.
        let existing = tenant.get::<Tenant>(Tenant::KIND).await;
        existing
            .map_err(|error| arguments.with_location(error.into(), aws))?
            .ok_or_else(|| Error::NoTenant(slug.clone()))?;
    }
    let new = arguments.tenant(&slug).record(random_bytes()?, now);
    let ids = Ids::new(clock.clone());
    let (key, secret) =
        administrator(ids.id(), arguments.identity_store_user_id.clone()).issue(id, random_bytes()?, now);
    let created = tenancy::create_tenant(&table, &new, &key, [ids.id(), ids.id()]).await;
    match created.map_err(|error| arguments.with_location(error, aws))? {
        None => {
            writeln!(notes, "created tenant `{}` (slug `{}`, id {id})", new.name, new.slug)?;
            show(&key, &secret, output, notes)?;
        }
        Some(existing) => {
            writeln!(notes, "tenant `{}` (slug `{}`, id {id}) exists: left as it is", existing.name, existing.slug)?;
            for difference in differences(&existing, &new) {
                writeln!(notes, "its {difference} differs from what was given")?;
            }
            if arguments.new_key {
                tenancy::add_key(&tenant, &key, ids.id()).await?;
                show(&key, &secret, output, notes)?;
            }
            match arguments.revoke_key {
                Some(id) => revoke_key(&tenant, id, ids.id(), now, notes).await?,
                None if arguments.new_key => {}
                None => list_keys(&tenant, notes).await?,
            }
        }
    }
    if arguments.sync || arguments.share_instance_with.is_some() {
        let instance = context::instance_arn(aws, arguments.instance_arn.as_deref(), &clock).await?;
        if tenancy::register_instance(&table, &instance, id, ids.id(), now).await? {
            writeln!(notes, "{instance} is registered for the tenant")?;
        }
        if let Some(slug) = &arguments.share_instance_with {
            let with = table.tenant(slug.tenant_id()).get::<Tenant>(Tenant::KIND).await?;
            let with = with.ok_or_else(|| Error::NoTenant(slug.clone()))?;
            let is_new = tenancy::share_instance(&table, &instance, id, &with, ids.id(), now).await?;
            let said = if is_new { "may use" } else { "could use already" };
            writeln!(notes, "tenant `{}` {said} {instance}", with.slug)?;
        }
        if arguments.sync {
            sync(arguments, aws, id, &instance, &clock, notes).await?;
        }
    }
    Ok(())
}

impl Arguments {
    /// Adds table and region to the error for a missing table; this is the command's first call.
    fn with_location(&self, error: TenancyError, aws: &SdkConfig) -> Error {
        match error {
            TenancyError::Commit(CommitError::Store(StoreError::NoTable)) => {
                let region = aws.region().map_or_else(|| "no region".to_owned(), ToString::to_string);
                Error::NoTable { table: self.table.clone(), region }
            }
            TenancyError::Commit(_) | TenancyError::IssuerTaken { .. } => error.into(),
        }
    }

    fn tenant(&self, slug: &Slug) -> NewTenant {
        let oidc = self.issuer.clone().zip(self.client_id.clone()).map(|(issuer_url, client_id)| OidcConfig {
            issuer_url,
            client_id,
            audience: self.audience.clone(),
            groups_claim: self.groups_claim.clone(),
            email_claim: self.email_claim.clone(),
            groups: if self.groups_optional { GroupsClaim::Optional } else { GroupsClaim::Required },
            mfa_acr_values: self.mfa_acr_value.clone(),
            trust_email: self.trust_email,
            client_id_as_audience: self.client_id_as_audience,
            external_id: self
                .external_id_issuer
                .clone()
                .map(|issuer| ExternalIdSource { issuer, claim: self.external_id_claim.clone() }),
        });
        let administrators = Some(self.admin_group.clone()).filter(|groups| !groups.is_empty());
        NewTenant {
            id: slug.tenant_id(),
            name: self.tenant_name.clone(),
            slug: slug.as_str().to_owned(),
            verified_domains: self.verified_domain.iter().map(|domain| domain.to_ascii_lowercase()).collect(),
            oidc,
            roles: administrators.map(|groups| (Role::Admin, groups)).into_iter().collect(),
            settings: TenantSettings {
                break_glass: BreakGlass {
                    enabled: false,
                    groups: Vec::new(),
                    max_duration_seconds: Seconds::constant::<3_600>(),
                },
                default_duration_seconds: Seconds::constant::<3_600>(),
                max_pending_grants: TenantSettings::default_max_pending_grants(),
            },
        }
    }
}

/// An administrator key: all scopes of the role, without acting for others.
fn administrator(id: ApiKeyId, identity_store_user_id: Option<String>) -> NewKey {
    NewKey { id, name: "administrator".to_owned(), scopes: scopes_of(Role::Admin).to_vec(), identity_store_user_id }
}

fn differences(existing: &Tenant, given: &Tenant) -> Vec<&'static str> {
    let differs = BTreeMap::from([
        ("identity provider", given.oidc.is_some() && existing.oidc != given.oidc),
        ("name", existing.name != given.name),
        ("list of administrators' groups", !given.roles.is_empty() && existing.roles != given.roles),
    ]);
    differs.into_iter().filter_map(|(what, differs)| differs.then_some(what)).collect()
}

fn show(key: &ApiKey, secret: &ApiKeySecret, output: &mut impl Write, notes: &mut impl Write) -> Result<(), Error> {
    // First the key: from here on it is nowhere else.
    writeln!(output, "{}", secret.expose()).and_then(|()| output.flush()).map_err(Error::Output)?;
    let (id, tenant) = (key.id, key.tenant_id);
    writeln!(notes, "key {id} is on standard output, this once; send it as `X-API-Key`, with `X-Tenant-ID: {tenant}`")?;
    Ok(())
}

async fn revoke_key(
    tenant: &TenantTable,
    id: ApiKeyId,
    event: EventId,
    now: Timestamp,
    notes: &mut impl Write,
) -> Result<(), Error> {
    match tenancy::revoke_key(tenant, id, event, now).await? {
        KeyRevocation::Revoked(key) => {
            writeln!(notes, "key {id} `{}` is revoked", key.name)?;
            writeln!(
                notes,
                "access it was given, or got for others, stays until its end: `DELETE /v1/grants/{{id}}` ends it"
            )?;
        }
        KeyRevocation::RevokedBefore(key) => writeln!(notes, "key {id} `{}` was already revoked", key.name)?,
        KeyRevocation::Unknown => return Err(Error::NoKey(id)),
    }
    Ok(())
}

async fn list_keys(tenant: &TenantTable, notes: &mut impl Write) -> Result<(), Error> {
    for key in tenant.list_all::<ApiKey>().await? {
        let revoked = key.revoked_at.map(|at| format!(", revoked {at}")).unwrap_or_default();
        writeln!(notes, "it has key {} `{}`, made {}{revoked}", key.id, key.name, key.created_at)?;
    }
    writeln!(notes, "no key was made; `--new-key` makes another, `--revoke-key` revokes one")?;
    Ok(())
}

async fn sync(
    arguments: &Arguments,
    aws: &SdkConfig,
    tenant: TenantId,
    instance_arn: &str,
    clock: &Clock,
    notes: &mut impl Write,
) -> Result<(), Error> {
    let workers = context::sync_workers(aws, arguments.table.clone(), Some(instance_arn), clock.clone()).await?;
    let call = SyncCall { tenant_id: Some(tenant), accepts_loss: arguments.accept_loss };
    let mut waits = 0;
    let synced = loop {
        match workers::sync::run(&workers, &call).await {
            // Another run is active, or an interrupted run left its lease.
            Err(WorkerError::Busy) if waits < MAX_SYNC_WAITS => {
                writeln!(notes, "another sync is under way; waiting for it")?;
                waits += 1;
                clock.sleep(SYNC_WAIT).await;
            }
            synced => break synced?,
        }
    };
    for (kind, count) in &synced.found {
        writeln!(notes, "AWS has {count} of type {kind}")?;
    }
    writeln!(notes, "{} of them were added or updated", synced.written)?;
    for one in &synced.missing {
        writeln!(notes, "{one} is in the directory and was not found; if the next sync does not find it, it is gone")?;
    }
    for one in &synced.gone {
        writeln!(notes, "{one} is gone: access to it cannot be given any more")?;
    }
    for one in &synced.held_back {
        writeln!(
            notes,
            "{one} was not found twice, but too many would be marked as gone at once; `--accept-loss` confirms it"
        )?;
    }
    if !synced.finished {
        writeln!(notes, "the sync ran out of time; run the command again to continue")?;
    }
    Ok(())
}
