//! Laying tables over tables: the defaults, then the policy's, an account's and a pattern's.
//!
//! A layer names only what differs; a table within a table is laid over in the same way, any other value replaces the
//! one below. Refuses unknown keys, values of another type and values out of range, each by its name.

use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::PolicyError;

/// A section of the policy that layers override.
pub(super) trait Section: Clone + Serialize + DeserializeOwned {
    /// Its table.
    const NAME: &str;

    /// The same if every value is possible; what is computed from the values is laid out.
    ///
    /// # Errors
    /// The key, section included, and the rule it breaks.
    fn checked(self) -> Result<Self, PolicyError>;

    /// The key that another spelling stands for.
    fn spelled_out(key: &str) -> &str {
        key
    }

    /// The values as a table.
    fn to_table(&self) -> Table {
        Table::try_from(self).expect("a section is a table of plain values")
    }

    /// The section with some of its values replaced.
    fn overlaid(&self, overrides: &Table) -> Result<Self, PolicyError> {
        if overrides.is_empty() {
            return self.clone().checked();
        }
        let mut table = self.to_table();
        lay_over(&mut table, &named::<Self>(overrides)?);
        table.try_into::<Self>().map_err(|e| unreadable(Self::NAME, &e))?.checked()
    }
}

/// What a layer overrides, by section; sections that it may not name are empty.
#[derive(Clone, Debug, Default)]
pub(super) struct Overrides {
    pub(super) score: Table,
    pub(super) facts: Table,
    pub(super) alerts: Table,
    pub(super) quality: Table,
    pub(super) facebook: Table,
}

/// A section's keys by their one name.
pub(super) fn named<S: Section>(given: &Table) -> Result<Table, PolicyError> {
    let mut table = Table::new();
    for (key, value) in given {
        let name = S::spelled_out(key);
        if table.insert(name.to_owned(), value.clone()).is_some() {
            let reason = format!("{}: {name} is given twice, also by its symbol", S::NAME);
            return Err(PolicyError::Unreadable(reason));
        }
    }
    Ok(table)
}

fn lay_over(below: &mut Table, above: &Table) {
    for (key, value) in above {
        match (below.get_mut(key), value) {
            (Some(Value::Table(below)), Value::Table(above)) => lay_over(below, above),
            _ => {
                below.insert(key.clone(), value.clone());
            }
        }
    }
}

/// An error of reading a table, as the path of the value and what is wrong with it.
pub(super) fn unreadable(path: &str, error: &toml::de::Error) -> PolicyError {
    // The source writes the keys that lead to the value, where it has them, on a line of their own.
    let text = error.to_string();
    let keys = text.rsplit_once("\nin `").map(|(_, keys)| keys.trim_end().trim_end_matches('`'));
    let path = [path, keys.unwrap_or_default()].into_iter().filter(|part| !part.is_empty());
    let path = path.collect::<Vec<_>>().join(".");
    let colon = if path.is_empty() { "" } else { ": " };
    PolicyError::Unreadable(format!("{path}{colon}{}", error.message()))
}
