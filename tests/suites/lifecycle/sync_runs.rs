//! Runs of the sync: killed, two at once, and without their lease.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;
use stint::domain::ResourceType;
use stint_local::aws::{Account, Fault, FaultKind, Faults, PermissionSet, Service};
use stint_tests::World;

use super::sync::{directory, fault, tag, unit};

/// What the directory says of what exists, beside what AWS has: accounts with unit and tags, sets, and who has an address.
async fn both(world: &World) -> [BTreeSet<String>; 2] {
    let aws = world.local.aws();
    let mut there = BTreeSet::new();
    let mut units = vec![aws.organization()];
    while let Some(unit) = units.pop() {
        let say = |account: &Account| format!("{} {} {:?}", account.id, unit.id, account.tags);
        there.extend(unit.accounts.iter().map(say));
        units.extend(unit.units);
    }
    aws.change_permission_sets(|sets| there.extend(sets.iter().map(|set| format!("{} {}", set.arn, set.name))));
    aws.change_people(|people| there.extend(people.iter().map(|one| format!("email:{} {}", one.email, one.user_id))));
    let known = directory(world).await.into_iter().filter(|known| known.missing_since.is_none() && known.is_live());
    let mut here: BTreeSet<String> = known
        .filter(|known| known.resource.kind() != ResourceType::AwsOrganizationalUnit)
        .map(|known| match &known.parent {
            Some(parent) => format!("{} {parent} {:?}", known.resource.id(), known.tags),
            None => format!("{} {}", known.resource.id(), known.name),
        })
        .collect();
    let links = world.items("LINK").iter().map(stint_tests::plain).collect::<Vec<_>>();
    let linked = links.iter().filter(|link| link["user_ids"].as_array().is_some_and(|users| !users.is_empty()));
    here.extend(linked.map(|link| format!("{} {}", link["key"], link["user_ids"][0]).replace('"', "")));
    [here, there]
}

/// The process dies at each call a sync makes, with something new of every kind each time: the next one, once the lease is
/// over, knows it all.
#[tokio::test]
async fn a_sync_killed_anywhere_is_continued_by_the_next() {
    let world = World::start().await;
    world.sync().await;
    // The calls come one after the other: to die after one is to die before the next.
    for number in 0.. {
        assert!(number < 200, "a sync makes fewer calls");
        let (from, to) = if number % 2 == 0 { ("Staging", "Production") } else { ("Production", "Staging") };
        tag(&world, "Sandbox", &[("number", &number.to_string())]);
        world.local.aws().change_organization(|root| {
            let account = unit(root, from).accounts.remove(0);
            unit(root, to).accounts.push(account);
            // Each is one more call from then on: one each time, and the end would never be met.
            if number % 8 == 0 {
                unit(root, from).accounts.insert(0, Account::named(&format!("555555555{number:03}"), "new"));
            }
        });
        world.local.aws().change_permission_sets(|sets| {
            let (instance, _) = sets[0].arn.rsplit_once('/').unwrap();
            let arn = format!("{instance}/ps-{number:016x}");
            sets.push(PermissionSet { arn, ..PermissionSet::named(&format!("New{number}")) });
        });
        world.local.aws().change_people(|people| people[0].email = format!("alice{number}@example.com"));
        fault(&world, Fault::new(FaultKind::DieAfter).after(number));
        let died = world.local.sync().await.is_err();
        world.local.aws().set_faults(Faults::default());
        world.pass(121);
        // One goes on with the phase the other was killed in, one does the phases before it.
        world.sync().await;
        world.sync().await;
        let [here, there] = both(&world).await;
        assert_eq!(here, there, "{number}");
        if !died {
            assert!(number > 20, "it was met by {number} calls only");
            break;
        }
    }
}

#[tokio::test]
async fn only_one_sync_works_at_a_time_and_a_dead_one_is_not_waited_for_longer_than_its_lease() {
    let world = World::start().await;
    fault(&world, Fault::new(FaultKind::DieBefore).on(Service::Organizations, "ListRoots"));
    world.local.sync().await.unwrap_err();
    world.local.aws().clear_calls();
    world.sync().await;
    let read = |world: &World| world.local.aws().calls().iter().any(|call| call.service == Service::Organizations);
    assert!(!read(&world), "the schedule leaves it to the run that is under way");
    let asked = world.local.invoke("sync", json!({"tenant_id": world.local.tenant_id()})).await;
    assert!(asked.is_err() && !read(&world), "who asks for it is told, and asks again");
    world.pass(121);
    world.sync().await;
    assert!(read(&world));
}

/// Another run takes the lease while one waits for Organizations.
#[tokio::test]
async fn who_lost_the_lease_writes_nothing() {
    let world = World::start().await;
    world.sync().await;
    tag(&world, "Sandbox", &[("env", "dev")]);
    let before = world.items("RESOURCE");
    fault(&world, Fault::new(FaultKind::Throttle).on(Service::Organizations, "ListTagsForResource"));
    // Two take part and do not sleep: the clock stands until it is moved.
    let parts = [world.clock.take_part(), world.clock.take_part()];
    let taken = async {
        while world.local.aws().faults().rules[0].hits == 0 {
            tokio::task::yield_now().await;
        }
        let state = world.local.table().sync_state(&world.local.seed().aws.instance_arn).await.unwrap();
        world.local.table().put_sync_state(&state).await.unwrap();
        loop {
            world.clock.advance(Duration::from_millis(1));
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        result = world.local.sync() => assert!(result.unwrap_err().contains("lease"), "it says so"),
        () = taken => {}
    }
    drop(parts);
    assert_eq!(world.items("RESOURCE"), before);
}
