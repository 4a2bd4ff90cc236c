//! People: the Identity Store's users and the links to them.

use std::collections::{BTreeMap, BTreeSet};

use super::resources::TenantDirectory;
use super::{Ended, Run};
use crate::directory::compare;
use crate::domain::{Person, PersonLink};
use crate::provision::WorkerError;

/// The most items in one transaction before it is committed; DynamoDB takes a hundred. A person has at most ten
/// external ids and one address (quotas of the Identity Store), so one more person and all links that change with them
/// always fit.
const BATCH: usize = 50;

/// The user ids that each link key leads to.
type Links = BTreeMap<String, BTreeSet<String>>;

impl Run<'_> {
    pub(super) async fn people(&mut self, tenants: &mut [TenantDirectory]) -> Result<Ended, WorkerError> {
        let mut people = Vec::new();
        let mut token = None;
        loop {
            self.lease.keep().await?;
            let page = self.workers.directory.identity_store.users(token).await?;
            people.extend(page.found);
            token = page.next;
            if token.is_none() {
                break;
            }
        }
        self.found("person", people.len());
        for tenant in tenants {
            let known: Vec<Person> = tenant.table.list_all().await?;
            let now = self.workers.now();
            let difference = compare(&known, people.clone(), &BTreeSet::new(), self.accepts_loss, now);
            let names =
                |people: &[Person]| people.iter().map(|one| format!("person:{}", one.user_id)).collect::<Vec<_>>();
            self.synced.missing.extend(names(&difference.missing));
            self.synced.gone.extend(names(&difference.gone));
            self.held_back(tenant.table.id(), "person", names(&difference.held_back));
            let new = [difference.added, difference.changed, difference.missing, difference.gone].concat();
            self.write_people(tenant, known, new).await?;
        }
        Ok(Ended::Complete)
    }

    /// Writes people, each in one transaction with the links that change with them.
    async fn write_people(
        &mut self,
        tenant: &TenantDirectory,
        known: Vec<Person>,
        new: Vec<Person>,
    ) -> Result<(), WorkerError> {
        let mut links = Links::new();
        for person in &known {
            for key in person.link_keys() {
                links.entry(key).or_default().insert(person.user_id.clone());
            }
        }
        let known: BTreeMap<String, Person> =
            known.into_iter().map(|person| (person.user_id.clone(), person)).collect();
        let (mut people, mut touched) = (Vec::new(), BTreeSet::new());
        for person in new {
            let before = known.get(&person.user_id).map(Person::link_keys).unwrap_or_default();
            let after = person.link_keys();
            for key in before.difference(&after) {
                links.entry(key.clone()).or_default().remove(&person.user_id);
            }
            for key in after.difference(&before) {
                links.entry(key.clone()).or_default().insert(person.user_id.clone());
            }
            touched.extend(before.symmetric_difference(&after).cloned());
            people.push(person);
            if people.len() + touched.len() >= BATCH {
                self.commit_people(tenant, &people, &touched, &links).await?;
                (people, touched) = (Vec::new(), BTreeSet::new());
            }
        }
        self.commit_people(tenant, &people, &touched, &links).await
    }

    async fn commit_people(
        &mut self,
        tenant: &TenantDirectory,
        people: &[Person],
        touched: &BTreeSet<String>,
        links: &Links,
    ) -> Result<(), WorkerError> {
        if people.is_empty() {
            return Ok(());
        }
        self.commit(&tenant.table, |writes| {
            for person in people {
                writes.put(person)?;
            }
            for key in touched {
                let user_ids = links.get(key).cloned().unwrap_or_default();
                writes.put(&PersonLink { key: key.clone(), user_ids })?;
            }
            Ok(())
        })
        .await?;
        self.synced.written += people.len();
        Ok(())
    }
}
