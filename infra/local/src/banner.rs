//! What `stint-local` tells at its start: on the screen, and in `dev.json` for scripts.

use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use stint::domain::TenantId;

use crate::example::Example;
use crate::oidc::DevUser;
use crate::server::Local;

/// How to call this stint.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Identity {
    /// Where the API is.
    pub url: String,
    /// Where the AWS endpoint is.
    pub aws_endpoint: String,
    /// The tenant.
    pub tenant_id: TenantId,
    /// A key with every scope.
    pub api_key: String,
    /// The issuer of people's tokens.
    pub issuer: String,
    /// The people.
    pub users: Vec<DevUser>,
}

impl Identity {
    /// Of a running stint, with its key.
    #[must_use]
    pub fn new(local: &Local, api_key: String) -> Self {
        Self {
            url: local.url().to_owned(),
            aws_endpoint: local.aws().url().to_owned(),
            tenant_id: local.tenant_id(),
            api_key,
            issuer: local.issuer().issuer().to_owned(),
            users: local.issuer().users().to_vec(),
        }
    }
}

/// `dev.json` in the data directory. It is written when the seed stands, so without it the seed is planted anew.
pub struct DevFile(PathBuf);

impl DevFile {
    /// The one of a data directory.
    #[must_use]
    pub fn in_directory(directory: &Path) -> Self {
        Self(directory.join("dev.json"))
    }

    /// Whether there is one.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.0.exists()
    }

    /// The key in it, if it is there and of this tenant.
    ///
    /// # Errors
    ///
    /// When it is there and cannot be read, or belongs to another seed.
    pub fn read(&self, tenant: TenantId) -> io::Result<Option<String>> {
        let text = match std::fs::read_to_string(&self.0) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let identity: Identity = serde_json::from_str(&text)?;
        if identity.tenant_id != tenant {
            let message = format!("{} is of another seed; start afresh with `--reset`", self.0.display());
            return Err(io::Error::other(message));
        }
        Ok(Some(identity.api_key))
    }

    /// Writes it, readable by its owner only.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn write(&self, identity: &Identity) -> io::Result<()> {
        let beside = self.0.with_extension("json.new");
        let mut file = std::fs::OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&beside)?;
        file.write_all(serde_json::to_string_pretty(identity)?.as_bytes())?;
        file.write_all(b"\n")?;
        std::fs::rename(beside, &self.0)
    }
}

/// Prints where it is, who is who, and a request to paste.
///
/// # Errors
///
/// When nobody reads it.
pub fn print(out: &mut impl Write, local: &Local, identity: &Identity, directory: &Path) -> io::Result<()> {
    let Identity { url, aws_endpoint, tenant_id, .. } = identity;
    let dev_json = directory.join("dev.json");
    writeln!(out, "stint is at {url}  (AWS endpoint {aws_endpoint}, data in {})", directory.display())?;
    writeln!(out, "API description: {url}/openapi.json    who exists in Identity Center: {url}/dev/assignments\n")?;
    writeln!(out, "  {:<8} {:<22} groups", "who", "e-mail")?;
    for person in &identity.users {
        writeln!(out, "  {:<8} {:<22} {}", person.sub, person.email, person.groups.join(", "))?;
    }
    writeln!(out, "\n  tenant   {tenant_id}\n  API key  in {} (all scopes)\n", dev_json.display())?;
    for policy in &local.seed().policies {
        let text = |name: &str| policy.get(name).and_then(serde_json::Value::as_str).unwrap_or_default();
        writeln!(out, "  policy   {}: {}", text("name"), text("description"))?;
    }
    write!(
        out,
        r#"
Ask for access as alice (paste this into another terminal):

  TOKEN=$(curl -s {url}/dev/token -H 'Content-Type: application/json' -d '{{"sub":"alice"}}' | sed 's/.*"token":"\([^"]*\)".*/\1/')
  curl -s {url}/v1/access/ensure -H "Authorization: Bearer $TOKEN" -H 'X-Tenant-ID: {tenant_id}' \
    -H 'Content-Type: application/json' \
    -d '{{"entitlements":[{{"target":"AWS::Account::111111111111","role":"ReadOnlyAccess","duration_seconds":60}}],"justification":{{"reason":"a try"}}}}'; echo
  sleep 2; curl -s {url}/dev/assignments; echo

Ctrl-C stops it; start it again and it carries on.
"#
    )?;
    out.flush()
}

/// Prints where the AWS endpoint is, and how to call functions that run on it.
///
/// # Errors
///
/// When nobody reads it.
pub fn print_example(out: &mut impl Write, example: &Example) -> io::Result<()> {
    write!(
        out,
        r#"The AWS endpoint is at {url}. What is in it is gone when it stops.

  tenant   {tenant}
  API key  {key} (all scopes; everybody knows it)

Run the functions on it, and call one (each in another terminal):

  cargo lambda watch
  cargo lambda invoke list_policies --data-file tests/events/list_policies.json
"#,
        url = example.aws.url(),
        tenant = example.tenant_id(),
        key = example.key.expose(),
    )?;
    out.flush()
}
