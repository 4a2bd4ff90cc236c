//! What an operation or a worker does to the table, and the statements that let it.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::GenerateError;
use crate::kinds::leading_key;

/// The actions on the table that are used. Writing is by kind of record, reading is not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TableAccess {
    /// Whether items are read.
    pub(crate) get: bool,
    /// What is queried: `table`, or the name of an index.
    pub(crate) query: Vec<String>,
    /// The kinds of record that are put.
    pub(crate) put: Vec<String>,
    /// The kinds of record that are updated in place.
    pub(crate) update: Vec<String>,
    /// The kinds of record that are deleted.
    pub(crate) delete: Vec<String>,
    /// The kinds of record that a commit is conditional on.
    pub(crate) check: Vec<String>,
}

impl TableAccess {
    /// Whether the table is not used at all.
    pub(crate) fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Each writing action with the kinds it is for.
    pub(crate) fn writes(&self) -> [(&'static str, &[String]); 4] {
        [
            ("PutItem", &self.put),
            ("UpdateItem", &self.update),
            ("DeleteItem", &self.delete),
            ("ConditionCheckItem", &self.check),
        ]
    }

    /// The statements, as YAML that begins at the margin.
    ///
    /// # Errors
    ///
    /// [`GenerateError::UnknownKind`]
    pub(crate) fn statements(&self) -> Result<String, GenerateError> {
        let mut text = String::new();
        let queries_table = self.query.iter().any(|of| of == "table");
        let reads: Vec<&str> = [(self.get, "dynamodb:GetItem"), (queries_table, "dynamodb:Query")]
            .iter()
            .filter(|(used, _)| *used)
            .map(|(_, action)| *action)
            .collect();
        if !reads.is_empty() {
            text += &format!("- Effect: Allow\n  Action: [{}]\n  Resource: !GetAtt Table.Arn\n", reads.join(", "));
        }
        let mut indexes: Vec<&String> = self.query.iter().filter(|of| *of != "table").collect();
        indexes.sort();
        if !indexes.is_empty() {
            text += "- Effect: Allow\n  Action: dynamodb:Query\n  Resource:\n";
            for index in indexes {
                text += &format!("    - !Sub ${{Table.Arn}}/index/{index}\n");
            }
        }
        // Actions for the same kinds share a statement.
        let mut by_kinds: BTreeMap<Vec<String>, Vec<&str>> = BTreeMap::new();
        for (action, kinds) in self.writes() {
            let mut kinds = kinds.to_vec();
            kinds.sort();
            kinds.dedup();
            if !kinds.is_empty() {
                by_kinds.entry(kinds).or_default().push(action);
            }
        }
        for (kinds, actions) in by_kinds {
            let actions: Vec<String> = actions.iter().map(|action| format!("dynamodb:{action}")).collect();
            text += &format!("- Effect: Allow\n  Action: [{}]\n  Resource: !GetAtt Table.Arn\n", actions.join(", "));
            text += "  Condition:\n    ForAllValues:StringLike:\n      dynamodb:LeadingKeys:\n";
            for kind in kinds {
                text += &format!("        - {}\n", leading_key(&kind)?);
            }
            // `ForAllValues` holds for a call without the key.
            text += "    \"Null\": {dynamodb:LeadingKeys: \"false\"}\n";
        }
        Ok(text)
    }
}
