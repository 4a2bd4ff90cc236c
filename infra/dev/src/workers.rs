//! The workers: what each does to the table, and which parts of the template are its own.

use crate::table::TableAccess;

/// A worker. Its properties in the template are `infra/template/workers/<name>.yaml`.
#[derive(Debug, Clone)]
pub(crate) struct Worker {
    /// The name of its binary.
    pub(crate) name: &'static str,
    /// Who calls it, and what it then does.
    pub(crate) summary: &'static str,
    /// What it does to the table.
    pub(crate) table: TableAccess,
    /// What else it may do: each is a list of statements in `infra/template/rights`.
    pub(crate) rights: &'static [&'static str],
}

/// The workers, by name.
pub(crate) fn all() -> Vec<Worker> {
    vec![
        Worker {
            name: "deprovision_grant",
            summary: "At a grant's end, and when one was ended: takes access away.",
            table: grants(),
            rights: &["schedules", "assignments", "dead_letters"],
        },
        Worker {
            name: "drain_guard",
            summary: "CloudFormation, before it deletes the stack: refuses while grants are not done.",
            table: TableAccess { query: kinds(&["due"]), ..TableAccess::default() },
            rights: &["dead_letters"],
        },
        Worker {
            name: "provision_grant",
            summary: "When a grant was decided or extended, and when it begins: gives access.",
            table: grants(),
            rights: &["schedules", "assignments", "dead_letters"],
        },
        Worker {
            name: "publish_events",
            summary: "The table's stream: seals each event into the audit chain and puts it on the bus.",
            table: TableAccess { get: true, put: kinds(&["AUDIT", "AUDITHEAD", "EVENT"]), ..TableAccess::default() },
            rights: &["bus", "stream"],
        },
        Worker {
            name: "sweep",
            summary: "Every five minutes: does whatever is due and was not done.",
            table: sweep(),
            rights: &["bus", "schedules", "assignments", "dead_letters"],
        },
        Worker {
            name: "sync",
            summary: "Every fifteen minutes, and on demand: reads the directory from AWS.",
            table: TableAccess {
                get: true,
                query: kinds(&["table"]),
                put: kinds(&["ISSUERKEYS", "LINK", "PERSON", "RESOURCE", "SYNC", "SLOTS"]),
                update: kinds(&["VERSIONS"]),
                check: kinds(&["SYNC"]),
                ..TableAccess::default()
            },
            rights: &["directory", "dead_letters"],
        },
    ]
}

/// Who gives access takes it away, too: a worker with a slot goes on with whatever is due.
fn grants() -> TableAccess {
    TableAccess {
        get: true,
        query: kinds(&["table", "by_holder", "due"]),
        put: kinds(&["ASSIGNMENT", "EVENT", "GRANT", "SLOTS"]),
        update: kinds(&["PENDING"]),
        check: kinds(&["APIKEY", "LINK", "TENANT", "USER", "VERSIONS"]),
        delete: Vec::new(),
    }
}

/// It also publishes events and writes down that requests have lapsed.
fn sweep() -> TableAccess {
    let mut table = grants();
    table.put.extend(kinds(&["AUDIT", "AUDITHEAD", "REQUEST"]));
    table
}

fn kinds(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}
