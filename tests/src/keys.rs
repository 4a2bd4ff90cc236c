//! API keys that a test puts into the table, or changes there.

use stint::app::Ids;
use stint::auth::ApiScope;
use stint::auth::api_key::{ApiKey, ApiKeySecret, PresentedKey, SECRET_BYTES};
use stint::store::Transaction;

use crate::World;

impl World {
    /// A new key with every scope, and what is to be different about it.
    pub async fn api_key_with(&self, edit: impl FnOnce(&mut ApiKey)) -> String {
        let (tenant_id, id) = (self.local.tenant_id(), Ids::new(self.clock.clone()).id());
        let secret = ApiKeySecret::generate(tenant_id, id, [7; SECRET_BYTES]);
        let mut key = ApiKey {
            id,
            tenant_id,
            name: "a key of a test".to_owned(),
            hash: secret.hash(),
            scopes: ApiScope::ALL.to_vec(),
            groups: Vec::new(),
            created_by: None,
            created_at: self.now(),
            expires_at: None,
            revoked_at: None,
            revoked_by: None,
            identity_provider_id: None,
            identity_store_user_id: None,
            version: 0,
        };
        edit(&mut key);
        let mut writes = Transaction::new(tenant_id);
        writes.put(&key).unwrap();
        self.local.table().tenant(tenant_id).commit(writes).await.unwrap();
        secret.expose().to_owned()
    }

    /// Changes an API key in the table.
    pub async fn edit_api_key(&self, secret: &str, edit: impl FnOnce(&mut ApiKey)) {
        let table = self.local.table().tenant(self.local.tenant_id());
        let id = PresentedKey::parse(secret).unwrap().id().to_string();
        let mut key = table.get::<ApiKey>(id).await.unwrap().unwrap();
        edit(&mut key);
        let mut writes = Transaction::new(table.id());
        writes.put(&key).unwrap();
        table.commit(writes).await.unwrap();
    }
}
