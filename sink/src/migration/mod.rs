//! Which migrations a store still needs. They are compiled in, applied in order, once, and recorded with a checksum.
//!
//! A store that records another text under a number, or a number that this build does not have, is refused: the first
//! means that a released migration was edited, the second that a newer adpulse has been here. Called by the two stores,
//! which read the record and run the statements.

use sha2::{Digest, Sha256};

/// A migration of this build.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Migration {
    pub(crate) version: i32,
    pub(crate) name: &'static str,
    pub(crate) sql: &'static str,
}

/// A migration as the store remembers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Recorded {
    pub(crate) version: i32,
    pub(crate) name: String,
    pub(crate) checksum: String,
}

/// A migration that has just been applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Its number.
    pub version: i32,
    /// Its name.
    pub name: &'static str,
}

impl Migration {
    /// SHA-256 of the text, in hex.
    pub(crate) fn checksum(&self) -> String {
        Sha256::digest(self.sql.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The migrations that are missing, in order, or why the store must not be touched.
pub(crate) fn pending(build: &[Migration], recorded: &[Recorded]) -> Result<Vec<Migration>, String> {
    for there in recorded {
        let Some(here) = build.iter().find(|here| here.version == there.version) else {
            return Err(format!(
                "the store has migration {:04} ({}), which this build does not know; a newer adpulse has migrated it: \
                 run that version",
                there.version, there.name
            ));
        };
        if here.checksum() != there.checksum {
            return Err(format!(
                "migration {:04} ({}) was applied with another content than this build has; a released migration must \
                 not be changed: restore the file and add a new one",
                there.version, there.name
            ));
        }
    }
    let is_recorded = |here: &&Migration| !recorded.iter().any(|there| there.version == here.version);
    Ok(build.iter().filter(is_recorded).copied().collect())
}

/// The statements of a text, without its comments. A semicolon ends a statement only at the end of a line, and a comment
/// has its line for itself; the migrations are written so.
pub(crate) fn statements(sql: &str) -> Vec<String> {
    let code: Vec<&str> = sql.lines().filter(|line| !line.trim_start().starts_with("--")).collect();
    let text = code.join("\n");
    let mut found = Vec::new();
    for statement in text.split(";\n") {
        let statement = statement.trim().trim_end_matches(';');
        if !statement.is_empty() {
            found.push(statement.to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUILD: [Migration; 2] = [
        Migration { version: 1, name: "one", sql: "SELECT 1;\n" },
        Migration { version: 2, name: "two", sql: "SELECT 2;\n" },
    ];

    fn recorded(of: &Migration) -> Recorded {
        Recorded { version: of.version, name: of.name.to_owned(), checksum: of.checksum() }
    }

    fn versions(recorded: &[Recorded]) -> Result<Vec<i32>, String> {
        pending(&BUILD, recorded).map(|list| list.iter().map(|migration| migration.version).collect())
    }

    #[test]
    fn what_is_recorded_is_not_applied_again() {
        assert_eq!(versions(&[]), Ok(vec![1, 2]));
        assert_eq!(versions(&[recorded(&BUILD[0])]), Ok(vec![2]));
        assert_eq!(versions(&[recorded(&BUILD[0]), recorded(&BUILD[1])]), Ok(vec![]));
    }

    #[test]
    fn a_changed_text_and_an_unknown_number_are_refused() {
        let changed = Recorded { checksum: "0".to_owned(), ..recorded(&BUILD[0]) };
        assert!(versions(&[changed]).unwrap_err().contains("0001 (one) was applied with another content"));
        let newer = Recorded { version: 3, name: "three".to_owned(), checksum: String::new() };
        assert!(versions(&[newer]).unwrap_err().contains("does not know"));
    }

    #[test]
    fn a_text_is_cut_at_the_semicolons_that_end_lines() {
        let text = "-- A; comment;\nSELECT ';' AS a,\n    -- why;\n    2;\n\nSELECT 3;";
        assert_eq!(statements(text), ["SELECT ';' AS a,\n    2", "SELECT 3"]);
    }
}
