//! organizations: the tree of units and accounts.

use serde::Deserialize;
use serde_json::{Value, json};

use super::Services;
use super::permissions::{Permission, everything, permission, text};
use super::seeded::{Account, AwsSeed, Unit};
use super::service::{CONFLICT, Invocation, StandIn};
use super::wire::{Answer, Failure, Request, page, read};

pub(super) const ORGANIZATION_ID: &str = "o-stint00001";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Parent {
    parent_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Child {
    child_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ChildrenOf {
    parent_id: String,
    child_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AccountId {
    account_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ResourceId {
    resource_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct UnitId {
    organizational_unit_id: String,
}

pub(super) const STAND_IN: StandIn = StandIn {
    target: Some("AWSOrganizationsV20161128"),
    answer: Services::organizations,
    required_permissions,
    internal_error: "ServiceException",
    throttling: "TooManyRequestsException",
    conflict: |_| Failure::new("ConcurrentModificationException", CONFLICT),
    ..StandIn::JSON_1_1
};

fn required_permissions(request: &Request, account: &str) -> Vec<Permission> {
    let of = |kind: &str, id: &str| format!("arn:aws:organizations::{account}:{kind}/{ORGANIZATION_ID}/{id}");
    let resource = match request.operation.as_str() {
        "ListRoots" => "*".to_owned(),
        "ListOrganizationalUnitsForParent" | "ListAccountsForParent" => {
            let parent = text(&request.input, "ParentId");
            of(if parent.starts_with("r-") { "root" } else { "ou" }, parent)
        }
        "ListTagsForResource" => of("account", text(&request.input, "ResourceId")),
        _ => return everything(request, account),
    };
    vec![permission("organizations", &request.operation, resource)]
}

impl Services {
    fn organizations(&self, call: &Invocation<'_>) -> Answer {
        let (operation, input) = (call.operation, call.input);
        let seeded = self.current_seed();
        let seeded = seeded.as_ref();
        let account = |account: &Account| account_document(seeded, account);
        let unit = |unit: &Unit| unit_document(seeded, unit);
        match operation {
            "DescribeOrganization" => Ok(json!({ "Organization": {
                "Id": ORGANIZATION_ID,
                "Arn": arn(seeded, "organization", ORGANIZATION_ID),
                "FeatureSet": "ALL",
                "MasterAccountId": seeded.account_id,
                "MasterAccountArn": arn(seeded, "account", &format!("{ORGANIZATION_ID}/{}", seeded.account_id)),
                "MasterAccountEmail": "management@example.com",
            }})),
            "ListRoots" => {
                let mut root = unit(&seeded.root);
                if let Some(members) = root.as_object_mut() {
                    members.insert("PolicyTypes".to_owned(), json!([]));
                }
                page("Roots", vec![root], input, 20)
            }
            "ListOrganizationalUnitsForParent" => {
                let units = parent(seeded, &read::<Parent>(input)?.parent_id)?.units.iter();
                page("OrganizationalUnits", units.map(unit).collect(), input, 20)
            }
            "ListAccountsForParent" => {
                let accounts = parent(seeded, &read::<Parent>(input)?.parent_id)?.accounts.iter();
                page("Accounts", accounts.map(account).collect(), input, 20)
            }
            "ListChildren" => {
                let wanted: ChildrenOf = read(input)?;
                let parent = parent(seeded, &wanted.parent_id)?;
                let ids: Vec<_> = match wanted.child_type.as_str() {
                    "ACCOUNT" => parent.accounts.iter().map(|account| &account.id).collect(),
                    "ORGANIZATIONAL_UNIT" => parent.units.iter().map(|unit| &unit.id).collect(),
                    other => {
                        return Err(invalid(format!("`{other}` is no type of child")));
                    }
                };
                let children = ids.into_iter().map(|id| json!({ "Id": id, "Type": wanted.child_type })).collect();
                page("Children", children, input, 20)
            }
            "ListParents" => {
                let Child { child_id } = read(input)?;
                let holds = |unit: &&Unit| {
                    unit.units.iter().any(|below| below.id == child_id)
                        || unit.accounts.iter().any(|account| account.id == child_id)
                };
                let parent = seeded
                    .units()
                    .into_iter()
                    .find(holds)
                    .ok_or_else(|| Failure::new("ChildNotFoundException", format!("no child `{child_id}`")))?;
                let kind = match parent.id == seeded.root.id {
                    true => "ROOT",
                    false => "ORGANIZATIONAL_UNIT",
                };
                page("Parents", vec![json!({ "Id": parent.id, "Type": kind })], input, 20)
            }
            "DescribeAccount" => {
                let AccountId { account_id } = read(input)?;
                let accounts = seeded.accounts();
                let found = accounts.iter().find(|account| account.id == account_id);
                let found = found.ok_or_else(|| {
                    Failure::new("AccountNotFoundException", "You specified an account that doesn't exist.")
                })?;
                Ok(json!({ "Account": account(found) }))
            }
            "DescribeOrganizationalUnit" => {
                let UnitId { organizational_unit_id } = read(input)?;
                let units = seeded.units();
                let found = units.iter().skip(1).find(|unit| unit.id == organizational_unit_id);
                let found = found.ok_or_else(|| {
                    Failure::new(
                        "OrganizationalUnitNotFoundException",
                        "You specified an organizational unit that doesn't exist.",
                    )
                })?;
                Ok(json!({ "OrganizationalUnit": unit(found) }))
            }
            "ListTagsForResource" => {
                let ResourceId { resource_id } = read(input)?;
                let accounts = seeded.accounts();
                let found = accounts.iter().find(|account| account.id == resource_id);
                let found = found.ok_or_else(|| {
                    Failure::new("TargetNotFoundException", "You specified a target that doesn't exist.")
                })?;
                let tags = found.tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value }));
                page("Tags", tags.collect(), input, 50)
            }
            "ListAccounts" => {
                let accounts = seeded.accounts().into_iter().map(account).collect();
                page("Accounts", accounts, input, 20)
            }
            _ => Err(Failure::unknown_operation(operation)),
        }
        .map_err(|failure| failure.renamed("ValidationException", "InvalidInputException"))
    }
}

fn parent<'seed>(seeded: &'seed AwsSeed, id: &str) -> Result<&'seed Unit, Failure> {
    seeded
        .units()
        .into_iter()
        .find(|unit| unit.id == id)
        .ok_or_else(|| Failure::new("ParentNotFoundException", format!("no parent `{id}`")))
}

fn invalid(message: String) -> Failure {
    Failure::new("InvalidInputException", message)
}

fn arn(seeded: &AwsSeed, kind: &str, rest: &str) -> String {
    format!("arn:aws:organizations::{}:{kind}/{rest}", seeded.account_id)
}

fn unit_document(seeded: &AwsSeed, unit: &Unit) -> Value {
    let kind = if unit.id == seeded.root.id { "root" } else { "ou" };
    json!({
        "Id": unit.id,
        "Arn": arn(seeded, kind, &format!("{ORGANIZATION_ID}/{}", unit.id)),
        "Name": unit.name,
    })
}

fn account_document(seeded: &AwsSeed, account: &Account) -> Value {
    json!({
        "Id": account.id,
        "Arn": arn(seeded, "account", &format!("{ORGANIZATION_ID}/{}", account.id)),
        "Email": format!("{}@example.com", account.name),
        "Name": account.name,
        "Status": if account.state == "ACTIVE" { "ACTIVE" } else { "SUSPENDED" },
        "State": account.state,
        "JoinedMethod": "CREATED",
    })
}
