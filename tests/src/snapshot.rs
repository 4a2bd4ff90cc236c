//! A world that goes back to where it was: prepared once, begun from many times.

use stint::clock::Moment;
use stint_local::aws;

use crate::World;

/// A world as it was at one moment.
pub struct Snapshot {
    aws: aws::Snapshot,
    moment: Moment,
}

impl World {
    /// The world as it is now, while nothing is under way.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let aws = self.local.aws().snapshot().unwrap();
        Snapshot { aws, moment: self.clock.moment().unwrap() }
    }

    /// Goes back, without faults, observer and log of calls, and with the product's processes started anew.
    pub fn restore(&mut self, snapshot: &Snapshot) {
        self.clock.return_to(snapshot.moment);
        self.local.aws().restore(&snapshot.aws).unwrap();
        self.local.restart();
    }
}
