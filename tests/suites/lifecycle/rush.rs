//! Everything at once, at an Identity Center with its real limits, in simulated time: the workers run beside one another
//! as often as the template lets them, and the clock goes on when all of them wait.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_scheduler::types::{ActionAfterCompletion, FlexibleTimeWindow, FlexibleTimeWindowMode, Target};
use aws_sdk_ssoadmin::types::{PrincipalType, TargetType};
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use reqwest::StatusCode;
use serde_json::json;
use stint::app::Ids;
use stint::domain::{
    AccountId, Assignment, Grant, GrantId, Holder, Principal, PrincipalRef, Provisioning, RevocationStatus,
};
use stint::metrics::Measurement;
use stint::store::Transaction;
use stint_local::aws::{Limits, Service, User};
use stint_local::oidc::DevUser;
use stint_local::seed::Seed;
use stint_tests::{As, PRODUCTION, SANDBOX, STAGING, World, ask};
use tokio::task::JoinSet;

const ENDING: usize = 500;
const EMERGENCIES: usize = 50;
const ORDINARY: usize = 30;
/// How long Identity Center takes for a change.
const LATENCY: Duration = Duration::from_secs(1);
/// How long a worker takes that finds nothing to do.
const TICK: Duration = Duration::from_millis(250);

fn person(number: usize) -> String {
    format!("person-{number:03}")
}

/// The example world, with people enough.
fn seed() -> Seed {
    let mut seed = Seed::example();
    for sub in (0..ENDING / 2).map(person) {
        let groups = vec!["engineering".to_owned(), "break-glass".to_owned()];
        seed.aws.users.push(User::named(&sub));
        seed.people.push(DevUser { email: format!("{sub}@example.com"), name: sub.clone(), sub, groups });
    }
    seed
}

/// Grants as they are in the middle of their time, all to end at once: like one that was given by the workers, with the
/// assignments in Identity Center and the schedules at Scheduler.
async fn plant(world: &World) -> Vec<Grant> {
    let id = world.granted("alice", SANDBOX, "PowerUserAccess", 3600).await;
    world.settle().await;
    let table = world.local.table().tenant(world.local.tenant_id());
    let [model]: [Grant; 1] = table.list_all().await.unwrap().try_into().unwrap();
    let assignment = world.local.table().assignment(model.assignment.as_ref().unwrap()).await.unwrap().unwrap();
    assert_eq!(model.id.to_string(), id);

    let sdk = world.local.aws().sdk_config();
    let (sso, scheduler) = (aws_sdk_ssoadmin::Client::new(&sdk), aws_sdk_scheduler::Client::new(&sdk));
    let ids = Ids::new(world.clock.clone());
    let (mut grants, mut assignments) = (Vec::new(), Vec::new());
    for number in 0..ENDING {
        let (sub, account) = (person(number / 2), [SANDBOX, STAGING][number % 2]);
        let mut key = assignment.key.clone();
        key.principal_id.clone_from(&world.local.aws().seeded().user(&sub).unwrap().user_id);
        key.account_id = AccountId::parse(account).unwrap();
        if number % 10 == 0 {
            world.clock.advance(LATENCY);
        }
        let call = sso.create_account_assignment().instance_arn(&key.instance_arn).target_id(account);
        let call = call.permission_set_arn(&key.permission_set_arn).target_type(TargetType::AwsAccount);
        call.principal_type(PrincipalType::User).principal_id(&key.principal_id).send().await.unwrap();
        let id: GrantId = ids.id();
        let target = Target::builder()
            .arn("arn:aws:lambda:us-east-1:000000000000:function:deprovision_grant")
            .role_arn("arn:aws:iam::000000000000:role/stint-scheduler")
            .input(json!({"tenant_id": model.tenant_id, "grant_id": id}).to_string());
        let window = FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off).build().unwrap();
        let at = format!("at({})", model.expires_at.strftime("%Y-%m-%dT%H:%M:%S"));
        let call = scheduler.create_schedule().group_name("stint").name(id.to_string()).schedule_expression(at);
        let call = call.flexible_time_window(window).action_after_completion(ActionAfterCompletion::Delete);
        call.target(target.build().unwrap()).send().await.unwrap();
        let holders = vec![Holder { grant_id: id, ..assignment.holders[0].clone() }];
        assignments.push(Assignment { key: key.clone(), holders, ..assignment.clone() });
        let email = Some(format!("{sub}@example.com"));
        let grantee = Principal { who: PrincipalRef::user(&sub), email, ..model.grantee.clone() };
        let account_id = key.account_id.clone();
        grants.push(Grant { id, grantee, account_id, assignment: Some(key), ..model.clone() });
    }
    table.put_all(&grants).await.unwrap();
    for assignments in assignments.chunks(100) {
        let mut writes = Transaction::new(model.tenant_id);
        for assignment in assignments {
            writes.create_shared(assignment).unwrap();
        }
        table.commit(writes).await.unwrap();
    }
    grants
}

/// So many people ask at once, the first of them that many into the list of people.
async fn ask_at_once(
    world: &World,
    people: std::ops::Range<usize>,
    account: &str,
    action: &str,
    glass: bool,
) -> Vec<String> {
    let asks = people.map(|number| async move {
        let mut body = ask(account, action, 1800);
        body["break_glass"] = json!(glass);
        let request = world.post(As::Person(&person(number)), "/v1/requests", body).await.expect(StatusCode::CREATED);
        request["grant_ids"][0].as_str().unwrap().to_owned()
    });
    join_all(asks).await
}

fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_grants_end_while_fifty_people_break_the_glass() {
    let limits = Limits::identity_center();
    let world = World::limited(seed(), limits, LATENCY).await;
    let planted = plant(&world).await;
    let end = planted[0].expires_at;
    world.clock.advance(Duration::try_from(end.duration_since(world.now())).unwrap());
    world.local.aws().clear_calls();

    let part = world.clock.take_part();
    let mut running = JoinSet::new();
    let (mut emergencies, mut ordinary) = (Vec::new(), Vec::new());
    let asked_at = end + SignedDuration::from_secs(5);
    loop {
        world.local.aws().begin_deliveries(&mut running).await;
        if world.now() >= asked_at && emergencies.is_empty() {
            ordinary = ask_at_once(&world, 100..100 + ORDINARY, SANDBOX, "ReadOnlyAccess", false).await;
            emergencies = ask_at_once(&world, 0..EMERGENCIES, PRODUCTION, "AdministratorAccess", true).await;
        }
        let measured = world.local.measured();
        let of = |kind: fn(&Measurement) -> bool| measured.iter().filter(|one| kind(one)).count();
        let gone = of(|one| matches!(one, Measurement::OverGrantSeconds(_)));
        let given = of(|one| matches!(one, Measurement::ProvisioningLatencySeconds(_)));
        if (gone, given) == (ENDING + 1, EMERGENCIES + ORDINARY + 1) {
            break;
        }
        assert!(seconds(end, world.now()) < 600.0, "{gone} are gone, {given} are given");
        world.clock.sleep(TICK).await;
    }
    drop(part);
    while running.join_next().await.is_some() {}

    let table = world.local.table().tenant(world.local.tenant_id());
    let grants: Vec<Grant> = table.list_all().await.unwrap();
    let by_id: BTreeMap<String, &Grant> = grants.iter().map(|grant| (grant.id.to_string(), grant)).collect();
    let given = |ids: &[String]| -> Vec<Timestamp> {
        let mut given: Vec<_> = ids.iter().map(|id| by_id[id].activated_at().unwrap()).collect();
        given.sort();
        given
    };
    let (emergencies, ordinary) = (given(&emergencies), given(&ordinary));
    let mut gone = Vec::new();
    for grant in planted.iter().map(|grant| by_id[&grant.id.to_string()]) {
        let revocation = &grant.revocation;
        assert_eq!((revocation.status, revocation.attempts), (RevocationStatus::Done, 1), "{revocation:?}");
        gone.push(grant.updated_at);
    }
    gone.sort();
    assert!(grants.iter().all(|grant| matches!(grant.provisioning, Provisioning::Successful { .. })));
    assert_eq!(world.assignments().len(), EMERGENCIES + ORDINARY, "nothing else is left");
    assert_eq!(world.local.aws().throttled(), 0, "Identity Center never had to refuse");
    assert_eq!(world.audit().iter().filter(|action| *action == "grant.revocation_done").count(), ENDING + 1);

    let calls = world.local.aws().calls();
    let requests = calls.iter().filter(|call| call.service == Service::SsoAdmin).count();
    let changes = ENDING + 1 + EMERGENCIES + ORDINARY;
    // What is created is looked for first.
    let looks = EMERGENCIES + ORDINARY;
    let least = |slots: usize, rate: usize| {
        let by_changes = LATENCY.as_secs_f64() * f64::from(u32::try_from(changes).unwrap())
            / f64::from(u32::try_from(slots).unwrap());
        let by_requests =
            f64::from(u32::try_from(2 * changes + looks).unwrap()) / f64::from(u32::try_from(rate).unwrap());
        by_changes.max(by_requests)
    };
    let last = |times: &[Timestamp]| *times.last().unwrap();
    let drained = seconds(end, last(&gone).max(last(&ordinary)));
    let (whole, ours) = (least(10, 20), least(8, 16));
    eprintln!(
        "{changes} changes drained in {drained:.1} s with {requests} requests; the least is {ours:.1} s in our share of the \
         quotas, {whole:.1} s in all of them; emergencies given within {:.1} s, access gone within {:.1} s, ordinary access \
         given from {:.1} s on; {} calls to AWS in all",
        seconds(asked_at, last(&emergencies)),
        seconds(end, last(&gone)),
        seconds(end, ordinary[0]),
        calls.len(),
    );
    assert!(drained < 1.25 * ours, "{drained} s, where {ours} s are enough");
    // Three requests each, where there were two (and 15 seconds) before each was looked for first.
    assert!(seconds(asked_at, last(&emergencies)) < 22.5, "{:?}", last(&emergencies));
    let gone_before = |at: Timestamp| gone.iter().filter(|gone| **gone <= at).count();
    assert!(gone_before(last(&emergencies)) < ENDING / 2, "emergencies come before the bulk of what ends");
    assert!(gone_before(ordinary[0]) > ENDING * 9 / 10, "what ends comes before ordinary access");
}
