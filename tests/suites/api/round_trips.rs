//! How often an operation goes to AWS, and how often it waits for it: what a call takes is mostly that.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::StatusCode;
use stint::auth::ApiScope;
use stint_local::aws::Call;
use stint_tests::contract::Operation;
use stint_tests::{As, World};

use super::operations::{Calls, Ready, every, seed};

/// The length of the longest chain of calls of which each began after the one before had been answered.
pub(super) fn depth(calls: &[Call]) -> usize {
    let mut chains: Vec<usize> = Vec::new();
    for call in calls {
        let before = calls.iter().zip(&chains).filter(|(other, _)| other.finished.unwrap() < call.started);
        let longest = before.map(|(_, chain)| *chain).max().unwrap_or_default();
        chains.push(longest + 1);
    }
    chains.into_iter().max().unwrap_or_default()
}

/// Calls that are made together are sometimes answered one by one, never the other way round: the least depth seen is
/// the one that is needed.
const TIMES: usize = 2;

/// The table as it grows.
struct Table {
    world: World,
    rows: Vec<String>,
    over_budget: Vec<String>,
    measured: BTreeSet<String>,
}

impl Calls for Table {
    fn world(&self) -> &World {
        &self.world
    }

    async fn call(&mut self, budget: usize, name: &str, ready: impl AsyncFn(&World) -> Ready) {
        let mut known: Vec<(usize, Vec<Call>)> = Vec::new();
        let mut unknown: Vec<usize> = Vec::new();
        for _ in 0..TIMES {
            known.push(self.measure(name, ready(&self.world).await, true).await);
            // What only the one key can do cannot be done with a new one.
            if !name.contains("by a key") && !name.contains("gone on with") {
                unknown.push(self.measure(name, ready(&self.world).await, false).await.0);
            }
        }
        let (depth, calls) = known.into_iter().min_by_key(|(depth, calls)| (*depth, calls.len())).unwrap();
        let unknown = unknown.into_iter().min();
        let mut operations: BTreeMap<&str, usize> = BTreeMap::new();
        for call in &calls {
            *operations.entry(&call.operation).or_default() += 1;
        }
        let operations: Vec<String> = operations.iter().map(|(name, times)| format!("{times} {name}")).collect();
        let first = unknown.map_or_else(|| "-".to_owned(), |unknown| unknown.to_string());
        let row = format!("{name:<42}{depth:>5}{first:>7}{budget:>8}  {}", operations.join(", "));
        self.rows.push(row.trim_end().to_owned());
        if depth > budget || unknown.is_some_and(|unknown| unknown > budget + 1) {
            self.over_budget.push(format!("{name}: {depth}, {first}"));
        }
    }
}

impl Table {
    /// How deep a call is, and what it does, with a credential that was good a moment ago or one that is new.
    async fn measure(&mut self, name: &str, ready: Ready, is_known: bool) -> (usize, Vec<Call>) {
        let world = &self.world;
        let Ready { who, method, path, body } = ready;
        // Whatever was changed, the policies are compiled and the issuer's keys are known.
        world.get(As::Person("dave"), "/v1/policies").await.expect(StatusCode::OK);
        let operation = Operation::of(&method, &path).unwrap();
        self.measured.insert(operation.id.clone());
        let credential = match who {
            As::Person(sub) => world.token(sub),
            As::Key if is_known => world.key().to_owned(),
            As::Key => world.api_key(ApiScope::ALL).await,
            As::ApiKey(_) | As::Token(_) | As::Nobody => String::new(),
        };
        let who = match who {
            As::Person(_) => As::Token(&credential),
            As::Key => As::ApiKey(&credential),
            other @ (As::ApiKey(_) | As::Token(_) | As::Nobody) => other,
        };
        if is_known && operation.scope.is_some() {
            world.get(who.clone(), "/v1/requests?limit=1").await.expect(StatusCode::OK);
        }
        let call = world.call(who, method, path);
        world.local.aws().clear_calls();
        let answer = match &body {
            Some(body) => call.json(body).send().await,
            None => call.send().await,
        };
        let calls = world.local.aws().calls();
        assert!(answer.status.is_success(), "{name}: {}", answer.body);
        (depth(&calls), calls)
    }
}

#[tokio::test]
async fn no_operation_waits_for_aws_more_often_than_its_budget_allows() {
    let world = World::with(seed()).await;
    let mut table =
        Table { world, rows: Vec::new(), over_budget: Vec::new(), measured: BTreeSet::from(["getOpenApi".to_owned()]) };
    every(&mut table).await;
    // `depth` is that of a credential that was good a moment ago, `first` that of one that is new.
    let head = format!("{:<42}{:>5}{:>7}{:>8}  calls, together or one after another", "", "depth", "first", "budget");
    insta::assert_snapshot!("round_trips", format!("{head}\n{}\n", table.rows.join("\n")));
    assert_eq!(table.over_budget, Vec::<String>::new());
    let all: BTreeSet<String> = Operation::all().iter().map(|operation| operation.id.clone()).collect();
    assert_eq!(table.measured, all, "an operation is not measured");
}
