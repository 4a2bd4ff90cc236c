//! The directory's people: who an external id or an address leads to.

use stint::domain::{Person, PersonLink};
use stint_local::aws::{ExternalId, User};
use stint_tests::World;

use super::sync::version;

async fn person(world: &World, user: &str) -> Option<Person> {
    world.local.table().tenant(world.local.tenant_id()).get(user).await.unwrap()
}

/// Whom a key leads to.
async fn whom(world: &World, key: String) -> Option<String> {
    let link: Option<PersonLink> = world.local.table().tenant(world.local.tenant_id()).get(key).await.unwrap();
    link.and_then(|link| link.user_id().map(str::to_owned))
}

fn id(name: &str) -> String {
    User::named(name).user_id
}

fn email(name: &str) -> String {
    PersonLink::by_email(&format!("{name}@example.com"))
}

fn change(world: &World, name: &str, change: impl FnOnce(&mut User)) {
    world.local.aws().change_people(|people| change(people.iter_mut().find(|user| user.user_name == name).unwrap()));
}

#[tokio::test]
async fn people_are_found_by_external_id_and_by_address_whatever_its_case() {
    let world = World::start().await;
    change(&world, "alice", |user| {
        user.email = "Alice@Example.com".into();
        user.external_ids = vec![ExternalId { issuer: "https://idp.example.com".into(), id: "00u|1".into() }];
    });
    let before = version(&world).await;
    world.sync().await;
    let external = PersonLink::by_external_id("https://idp.example.com", "00u|1");
    assert_eq!(whom(&world, external).await, Some(id("alice")));
    assert_eq!(whom(&world, email("alice")).await, Some(id("alice")));
    assert_eq!(whom(&world, PersonLink::by_external_id("https://idp.example.com", "00u|2")).await, None);
    let alice = person(&world, &id("alice")).await.unwrap();
    assert_eq!((alice.user_name.as_str(), alice.emails), ("alice", vec!["Alice@Example.com".to_owned()]));
    assert_eq!(version(&world).await, before, "people empty no cache of policies");
}

#[tokio::test]
async fn an_address_two_users_have_links_neither_until_one_of_them_gives_it_up() {
    let world = World::start().await;
    change(&world, "bob", |user| user.email = "ALICE@example.com".into());
    world.sync().await;
    assert_eq!(whom(&world, email("alice")).await, None);
    assert_eq!(whom(&world, email("bob")).await, None);
    change(&world, "alice", |user| user.email = String::new());
    world.sync().await;
    assert_eq!(whom(&world, email("alice")).await, Some(id("bob")));
}

#[tokio::test]
async fn who_is_gone_is_linked_no_more_and_is_kept() {
    let world = World::start().await;
    world.sync().await;
    let mut removed = None;
    world.local.aws().change_people(|people| {
        let place = people.iter().position(|user| user.user_name == "alice").unwrap();
        removed = Some(people.remove(place));
    });
    world.sync().await;
    assert_eq!(whom(&world, email("alice")).await, Some(id("alice")), "one read may be wrong");
    world.sync().await;
    assert_eq!(whom(&world, email("alice")).await, None);
    assert!(person(&world, &id("alice")).await.unwrap().gone_at.is_some());
    // A new user with the old one's address is somebody else, and linked.
    world.local.aws().change_people(|people| {
        people.push(User { user_id: id("alice the second"), ..removed.clone().unwrap() });
    });
    world.sync().await;
    assert_eq!(whom(&world, email("alice")).await, Some(id("alice the second")));
}

#[tokio::test]
async fn hundreds_of_people_are_read_page_by_page_and_written_once() {
    let world = World::start().await;
    world.local.aws().change_people(|people| people.extend((0..350).map(|number| User::named(&format!("p{number}")))));
    world.sync().await;
    let people = world.items("PERSON").len();
    assert!(people >= 350, "{people}");
    for number in [0, 99, 100, 349] {
        let name = format!("p{number}");
        assert_eq!(whom(&world, email(&name)).await, Some(id(&name)));
    }
    let before = (world.items("PERSON"), world.items("LINK"));
    world.sync().await;
    assert_eq!((world.items("PERSON"), world.items("LINK")), before);
}
