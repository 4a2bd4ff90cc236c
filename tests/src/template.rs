//! `template.yaml`, as JSON: `!Ref Table` is `{"Ref": "Table"}`, `!Sub x` is `{"Fn::Sub": "x"}`.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]
#![expect(clippy::missing_panics_doc, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Value, json};

static TEMPLATE: LazyLock<Value> = LazyLock::new(|| {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../template.yaml");
    to_json(&Yaml::load_from_str(&std::fs::read_to_string(path).unwrap()).unwrap()[0])
});

/// The template.
#[must_use]
pub fn template() -> &'static Value {
    &TEMPLATE
}

/// The resources of a type, by logical id.
#[must_use]
pub fn resources(kind: &str) -> BTreeMap<String, Value> {
    let all = template()["Resources"].as_object().unwrap();
    all.iter().filter(|(_, resource)| resource["Type"] == kind).map(|(id, it)| (id.clone(), it.clone())).collect()
}

/// The functions, by the name of their binary.
#[must_use]
pub fn functions() -> BTreeMap<String, Function> {
    let roles = resources("AWS::IAM::Role");
    resources("AWS::Serverless::Function")
        .into_iter()
        .map(|(logical_id, resource)| {
            let binary = resource["Metadata"]["BuildProperties"]["Binary"].as_str().unwrap().to_owned();
            let properties = resource["Properties"].clone();
            let (role, _) = properties["Role"]["Fn::GetAtt"].as_str().unwrap().split_once('.').unwrap();
            (binary, Function { logical_id, role: roles[role]["Properties"].clone(), properties })
        })
        .collect()
}

/// A function.
#[derive(Debug)]
pub struct Function {
    /// Its name in the template.
    pub logical_id: String,
    /// Its properties, without those all functions have.
    pub properties: Value,
    /// The properties of its role.
    pub role: Value,
}

impl Function {
    /// The statements of its role, but for those about its own log and traces.
    #[must_use]
    pub fn statements(&self) -> Vec<Statement> {
        let of_lambda = ["logs:", "xray:"];
        let all = statements_of_role(&self.role).into_iter();
        all.filter(|one| !one.actions.iter().all(|action| of_lambda.iter().any(|service| action.starts_with(service))))
            .collect()
    }
}

/// The statements of a role's policies, whatever their conditions of the template are.
#[must_use]
pub fn statements_of_role(role: &Value) -> Vec<Statement> {
    let policies = role["Policies"].as_array().cloned().unwrap_or_default();
    let policies = policies.into_iter().map(|policy| match policy.get("Fn::If") {
        Some(choice) => choice[1].clone(),
        None => policy,
    });
    policies.flat_map(|policy| statements(&policy["PolicyDocument"]["Statement"])).collect()
}

/// What a statement allows.
#[derive(Debug, Clone)]
pub struct Statement {
    /// `Allow` or `Deny`.
    pub effect: String,
    /// The actions.
    pub actions: Vec<String>,
    /// The resources, as the template has them.
    pub resources: Vec<Value>,
    /// The condition block; null if there is none.
    pub condition: Value,
}

/// The statements of a policy document.
#[must_use]
pub fn statements(document: &Value) -> Vec<Statement> {
    let one_or_many = |value: &Value| value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
    one_or_many(document)
        .iter()
        .map(|statement| Statement {
            effect: statement["Effect"].as_str().unwrap().to_owned(),
            actions: one_or_many(&statement["Action"]).iter().map(|it| it.as_str().unwrap().to_owned()).collect(),
            resources: one_or_many(&statement["Resource"]),
            condition: statement["Condition"].clone(),
        })
        .collect()
}

fn to_json(node: &Yaml) -> Value {
    match node {
        Yaml::Value(scalar) => match scalar {
            Scalar::Null => Value::Null,
            Scalar::Boolean(value) => json!(value),
            Scalar::Integer(value) => json!(value),
            Scalar::FloatingPoint(value) => json!(value.into_inner()),
            Scalar::String(value) => json!(value),
        },
        Yaml::Sequence(items) => items.iter().map(to_json).collect(),
        Yaml::Mapping(entries) => Value::Object(
            entries.iter().map(|(key, value)| (key.as_str().unwrap().to_owned(), to_json(value))).collect(),
        ),
        Yaml::Tagged(tag, node) => match tag.suffix.as_str() {
            "Ref" | "Condition" => json!({&tag.suffix: to_json(node)}),
            function => json!({format!("Fn::{function}"): to_json(node)}),
        },
        Yaml::Representation(..) | Yaml::Alias(_) | Yaml::BadValue => {
            panic!("CloudFormation takes no such YAML: {node:?}")
        }
    }
}
