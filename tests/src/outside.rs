//! What people and other programs do in Identity Center besides stint.

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_identitystore::types::MemberId;
use aws_sdk_ssoadmin::types::{PrincipalType, TargetType};

use stint::domain::Assignment;

use crate::World;
use crate::invariants::assignments;

impl World {
    /// As if the Identity Center instance had never been registered for a tenant.
    pub async fn unregister_instance(&self) {
        let instance = self.local.aws().seeded().instance_arn.clone();
        let client = aws_sdk_dynamodb::Client::new(&self.local.aws().sdk_config());
        let delete =
            client.delete_item().table_name("stint").key("pk", AttributeValue::S(format!("INSTANCE#{instance}")));
        delete.key("sk", AttributeValue::S("INSTANCE".to_owned())).send().await.unwrap();
    }

    fn permission_set(&self, name: &str) -> String {
        self.local.aws().seeded().permission_sets.iter().find(|set| set.name == name).unwrap().arn.clone()
    }

    fn user_id(&self, sub: &str) -> String {
        self.local.aws().seeded().users.iter().find(|user| user.sub == sub).unwrap().user_id.clone()
    }

    fn sso(&self) -> aws_sdk_ssoadmin::Client {
        aws_sdk_ssoadmin::Client::new(&self.local.aws().sdk_config())
    }

    /// stint's record of an assignment.
    #[must_use]
    pub fn assignment_record(&self, sub: &str, permission_set: &str, account: &str) -> Option<Assignment> {
        let (user, set) = (self.user_id(sub), self.permission_set(permission_set));
        let is_it = |one: &Assignment| {
            let key = &one.key;
            key.principal_id == user && key.permission_set_arn == set && key.account_id.to_string() == account
        };
        assignments(&self.local.aws().items()).find(is_it)
    }

    /// Somebody assigns a permission set to a person.
    pub async fn assign_outside(&self, sub: &str, permission_set: &str, account: &str) {
        self.assign(PrincipalType::User, self.user_id(sub), permission_set, account).await;
    }

    async fn assign(&self, kind: PrincipalType, principal: String, permission_set: &str, account: &str) {
        let call = self.sso().create_account_assignment().instance_arn(&self.local.aws().seeded().instance_arn);
        let call = call.target_id(account).target_type(TargetType::AwsAccount);
        let call = call.permission_set_arn(self.permission_set(permission_set));
        call.principal_type(kind).principal_id(principal).send().await.unwrap();
    }

    /// Somebody takes a permission set from a person.
    pub async fn unassign_outside(&self, sub: &str, permission_set: &str, account: &str) {
        let call = self.sso().delete_account_assignment().instance_arn(&self.local.aws().seeded().instance_arn);
        let call = call.target_id(account).target_type(TargetType::AwsAccount);
        let call = call.permission_set_arn(self.permission_set(permission_set));
        call.principal_type(PrincipalType::User).principal_id(self.user_id(sub)).send().await.unwrap();
    }

    /// Somebody makes a group of one person and assigns a permission set to it. Returns the group's id.
    pub async fn assign_to_group_outside(&self, sub: &str, permission_set: &str, account: &str) -> String {
        let store = &self.local.aws().seeded().identity_store_id;
        let client = aws_sdk_identitystore::Client::new(&self.local.aws().sdk_config());
        let group = client.create_group().identity_store_id(store).display_name("a group").send().await.unwrap();
        let call = client.create_group_membership().identity_store_id(store).group_id(&group.group_id);
        call.member_id(MemberId::UserId(self.user_id(sub))).send().await.unwrap();
        self.assign(PrincipalType::Group, group.group_id.clone(), permission_set, account).await;
        group.group_id
    }

    /// Somebody deletes a group. What is assigned to it stays assigned.
    pub async fn delete_group_outside(&self, group: &str) {
        let store = &self.local.aws().seeded().identity_store_id;
        let client = aws_sdk_identitystore::Client::new(&self.local.aws().sdk_config());
        client.delete_group().identity_store_id(store).group_id(group).send().await.unwrap();
    }
}
