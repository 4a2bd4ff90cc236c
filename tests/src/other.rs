//! What the people of another tenant do.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{Answer, As, OtherTenant, SANDBOX, World, ask};

impl OtherTenant {
    /// A call within the tenant.
    pub async fn call(&self, world: &World, who: As<'_>, method: Method, path: &str, body: Option<Value>) -> Answer {
        let mut call = world.call(who, method, path).header("x-tenant-id", self.id.to_string());
        if let Some(body) = &body {
            call = call.json(body);
        }
        call.send().await
    }

    /// Lets engineering help itself in the sandbox.
    pub async fn let_engineering_in(&self, world: &World) {
        let policy = json!({
            "name": "engineering in sandbox",
            "max_duration_seconds": 28800,
            "approval_mode": "auto",
            "cedar_policy_set": format!(
                "permit (principal in Group::\"engineering\", action, resource == AwsAccount::\"{SANDBOX}\");"
            ),
        });
        let made = self.call(world, As::ApiKey(&self.key), Method::POST, "/v1/policies", Some(policy)).await;
        made.expect(StatusCode::CREATED);
    }

    /// Somebody asks for a role in the sandbox.
    pub async fn request(&self, world: &World, who: &str, role: &str, seconds: i64) -> Answer {
        let token = world.token_with(who, |claims| claims["aud"] = json!(self.audience));
        let body = ask(SANDBOX, role, seconds);
        self.call(world, As::Token(&token), Method::POST, "/v1/requests", Some(body)).await
    }

    /// Alice asks for a role in the sandbox, which policy grants at once; the grant's id.
    pub async fn granted(&self, world: &World, role: &str, seconds: i64) -> String {
        let request = self.request(world, "alice", role, seconds).await.expect(StatusCode::CREATED);
        request["grant_ids"][0].as_str().unwrap().to_owned()
    }

    /// A grant, as the key with every scope sees it.
    pub async fn grant(&self, world: &World, id: &str) -> Value {
        let path = format!("/v1/grants/{id}");
        self.call(world, As::ApiKey(&self.key), Method::GET, &path, None).await.expect(StatusCode::OK)
    }
}
