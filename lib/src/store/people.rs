//! The records of people and their links; `domain::person` describes their keys.

use super::Record;
use crate::domain::{Person, PersonLink};

impl Record for Person {
    const KIND: &'static str = "PERSON";

    fn sort_key(&self) -> String {
        self.user_id.clone()
    }
}

impl Record for PersonLink {
    const KIND: &'static str = "LINK";

    fn sort_key(&self) -> String {
        self.key.clone()
    }
}
