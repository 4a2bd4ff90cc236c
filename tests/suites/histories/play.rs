//! Plays a history, and holds what is there against the model after every step.

use std::collections::BTreeSet;
use std::fmt::{self, Display, Formatter};
use std::ops::AddAssign;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use stint_local::aws::{Faults, Limits, User};
use stint_local::oidc::DevUser;
use stint_local::seed::Seed;
use stint_tests::invariants::{assert_invariants, rest};
use stint_tests::{As, OtherTenant, STAGING, World, plain};

use super::model::{Access, Model};
use super::policies::{Policies, Terms};
use super::step::{LONGEST, Step};

/// What there was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Summary {
    pub(super) histories: usize,
    pub(super) steps: usize,
    pub(super) calls: usize,
    pub(super) grants: usize,
    pub(super) faults: usize,
}

impl AddAssign for Summary {
    fn add_assign(&mut self, other: Self) {
        self.histories += other.histories;
        self.steps += other.steps;
        self.calls += other.calls;
        self.grants += other.grants;
        self.faults += other.faults;
    }
}

impl Display for Summary {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { histories, steps, calls, grants, faults } = self;
        write!(f, "{histories} histories, {steps} steps, {grants} grants, {calls} AWS calls, {faults} of them failed")
    }
}

/// Plays histories in a world of their own, one after the other; each until all access has come to its end.
/// Identity Center takes `latency` seconds for a change.
pub(super) fn play(latency: u64, histories: &[Vec<Step>]) -> Summary {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut played = Played::begin(latency).await;
        for steps in histories {
            for step in steps {
                played.take(step).await;
            }
            played.end().await;
        }
        played.summary()
    })
}

/// A history that is being played.
pub(super) struct Played {
    pub(super) world: World,
    /// A second tenant on the same Identity Center instance.
    pub(super) other: OtherTenant,
    pub(super) model: Model,
    /// Every request that waited for people when it was made, with what it asks for; the last first.
    pub(super) requests: Vec<(String, Terms)>,
    /// The policies as they are between histories.
    pub(super) policies: Vec<Value>,
    /// What they say now, as far as that is known.
    pub(super) in_force: Policies,
    /// Those that were edited, by their place.
    pub(super) edited: BTreeSet<usize>,
    /// What exists because somebody gave it by hand.
    pub(super) standing: BTreeSet<Access>,
    /// Identity Center is quick: workers see the end of what they begin.
    is_quick: bool,
    /// The clock was set back since all was last at rest.
    pub(super) was_set_back: bool,
    summary: Summary,
}

/// The example world, with two engineers more, and an account more where people are asked.
fn seed() -> Seed {
    let mut seed = Seed::example();
    for sub in ["erin", "frank"] {
        let user = User::named(sub);
        let groups = vec!["engineering".to_owned()];
        seed.people.push(DevUser { sub: sub.to_owned(), email: user.email.clone(), name: sub.to_owned(), groups });
        seed.aws.users.push(user);
    }
    seed.policies.push(json!({
        "name": "two let engineering read staging",
        "max_duration_seconds": 7200,
        "approval_mode": "require",
        "required_approvals": 2,
        "cedar_policy_set": format!(
            "permit (principal in Group::\"engineering\", action == Action::\"ReadOnlyAccess\", \
             resource == AwsAccount::\"{STAGING}\");\n\
             permit (principal in Group::\"sre\", action in [Action::\"approve\", Action::\"revoke\"], \
             resource == AwsAccount::\"{STAGING}\");"
        ),
    }));
    seed
}

pub(super) fn span(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

impl Played {
    async fn begin(latency: u64) -> Self {
        let world = World::limited(seed(), Limits::identity_center(), Duration::from_secs(latency)).await;
        let other = world.second_tenant().await;
        other.let_engineering_in(&world).await;
        assert!(world.share_instance(&other).await);
        world.settle().await;
        let policies = world.get(As::Key, "/v1/policies").await.expect(StatusCode::OK);
        let policies = policies["data"].as_array().unwrap().clone();
        let mut in_force = Policies::default();
        in_force.are(&policies);
        world.local.aws().clear_calls();
        Self {
            world,
            other,
            model: Model::default(),
            requests: Vec::new(),
            policies,
            in_force,
            edited: BTreeSet::new(),
            standing: BTreeSet::new(),
            is_quick: latency <= 3,
            was_set_back: false,
            summary: Summary::default(),
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.world.now()
    }

    async fn take(&mut self, step: &Step) {
        match *step {
            Step::Submit { who, account, role, seconds, how } => self.submit(who, account, role, seconds, how).await,
            Step::Ensure { who, account, role, seconds } => self.ensure(who, account, role, seconds).await,
            Step::Decide { who, request, verb } => self.decide(who, request, verb).await,
            Step::Extend { who, grant, seconds } => self.extend(who, grant, seconds).await,
            Step::Revoke { who, grant } => self.revoke(who, grant).await,
            Step::OtherSubmit { who, role, seconds } => self.other_submit(who, role, seconds).await,
            Step::OtherRevoke { grant } => self.other_revoke(grant).await,
            Step::EditPolicy { policy, edit } => self.edit_policy(policy, edit).await,
            Step::AssignByHand { who, account, role } => self.assign_by_hand(who, account, role),
            Step::DeleteByHand { assignment } => self.delete_by_hand(assignment),
            Step::MoveAccount { account, unit } => self.move_account(account, unit).await,
            Step::Pass { seconds } => self.world.pass(seconds),
            Step::SetBack { seconds } => {
                self.world.clock.set_back(Duration::from_secs(seconds));
                self.was_set_back = true;
            }
            Step::Deliver => {
                self.world.settle().await;
                self.worked();
                self.is_resolved();
            }
            Step::Sweep => {
                // One that fails has done what it could.
                let _ = self.world.local.sweep().await;
                self.worked();
            }
            Step::Fail { service, kind, after, times, seconds } => {
                let mut rules = self.world.local.aws().faults().rules;
                rules.push(Step::fault(service, kind, after, times, seconds));
                self.world.local.aws().set_faults(Faults { rules });
            }
            Step::Restart => self.world.local.restart(),
            Step::Rest => self.rest().await,
        }
        self.model.it_is(self.now());
        self.summary.steps += 1;
        assert_invariants(&self.world);
        let existing = self.existing();
        assert!(self.standing.is_subset(&existing), "of {:?}, given by hand, there is {existing:?}", self.standing);
        let ours = existing.difference(&self.standing).cloned().collect();
        assert_eq!(self.model.unpromised(&ours), Vec::<Access>::new(), "nobody was promised that");
    }

    /// All access comes to its end, and the policies become what they were.
    async fn end(&mut self) {
        self.rest().await;
        self.world.pass(LONGEST);
        self.model.it_is(self.now());
        self.rest().await;
        self.clean_up();
        self.restore_policies().await;
        self.summary.histories += 1;
    }

    fn summary(self) -> Summary {
        let (grants, calls) = (self.model.grants(), self.world.local.aws().calls().len());
        Summary { calls, grants, ..self.summary }
    }

    pub(super) fn existing(&self) -> BTreeSet<Access> {
        self.world.assignments().into_iter().collect()
    }

    fn hits(&self) -> usize {
        let rules = self.world.local.aws().faults().rules;
        rules.iter().map(|rule| usize::try_from(rule.hits).unwrap()).sum()
    }

    /// Workers worked: the policies did not change meanwhile.
    pub(super) fn worked(&mut self) {
        self.model.it_is(self.now());
        let grants = self.grants();
        self.model.worked(&self.in_force, &grants);
    }

    /// The table's grants.
    pub(super) fn grants(&self) -> Vec<Value> {
        self.world.items("GRANT").iter().map(plain).collect()
    }

    /// Everything was delivered. If nothing failed or took long, and the clock was not set back since all was last at rest, then
    /// everybody has what they were promised, give or take what Scheduler's whole seconds do.
    fn is_resolved(&self) {
        if !self.is_quick || self.was_set_back || self.hits() > 0 {
            return;
        }
        let (now, existing) = (self.now(), self.existing());
        let a_second_ago = self.model.live(now - span(1));
        let live = self.model.live(now);
        let both = &(&live & &a_second_ago) | &self.standing;
        let either = &(&live | &a_second_ago) | &self.standing;
        assert!(
            existing.is_superset(&both) && existing.is_subset(&either),
            "nothing failed, and {live:?} is {existing:?}"
        );
    }

    /// Nothing fails any more, time moves on, and everything that is due is done.
    async fn rest(&mut self) {
        self.summary.faults += self.hits();
        self.world.local.aws().set_faults(Faults::default());
        let behind = self.model.latest().duration_since(self.now());
        self.world.pass(u64::try_from(behind.as_secs()).unwrap_or_default());
        rest(&self.world).await;
        self.worked();
        let now = self.now();
        let all = "/v1/grants?limit=250";
        let of_other = self.other.call(&self.world, As::ApiKey(&self.other.key), Method::GET, all, None).await;
        let [here, there] = [self.world.get(As::Key, all).await, of_other].map(|answer| {
            let mut grants = answer.expect(StatusCode::OK);
            assert_eq!(grants["has_more"], false, "more grants than a page has");
            grants["data"].take()
        });
        self.model.read_back(here.as_array().unwrap(), there.as_array().unwrap(), now);
        assert_eq!(self.existing(), &self.model.live(now) | &self.standing, "all is at rest");
        self.was_set_back = false;
    }
}
