//! What was sent, written down and synced before it is sent, and what was answered.
//!
//! The promise of a 2xx is judged by this file alone, so it must survive whatever the run does to everybody else.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::Context as _;

/// What a message is meant to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Sound and new.
    Valid,
    /// Said before, word for word.
    Duplicate,
    /// About a day beyond the horizon.
    Late,
    /// Unusable, and to be kept as a dead letter.
    Poison,
    /// Signed by somebody else, or no message at all: to be refused.
    Forged,
}

impl Class {
    const ALL: [Self; 5] = [Self::Valid, Self::Duplicate, Self::Late, Self::Poison, Self::Forged];

    const fn name(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Duplicate => "duplicate",
            Self::Late => "late",
            Self::Poison => "poison",
            Self::Forged => "forged",
        }
    }
}

/// What became of a message, as far as its sender knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// No definite reply.
    Unknown,
    /// 2xx, or Kafka's own acknowledgement, or an upload's exit status.
    Accepted,
    /// Refused for good.
    Refused,
}

/// A line that says that something is about to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent<'a> {
    /// Identity at its source, with the way it is sent before it: `crm/…`, `facebook/…`, `csv/…`, `bytes/…`.
    pub id: &'a str,
    /// What it is meant to be.
    pub class: Class,
    /// The campaign it names.
    pub campaign: &'a str,
    /// When what it tells happened, milliseconds since 1970.
    pub at: i64,
    /// The money it tells of.
    pub micros: i64,
}

/// An open journal.
#[derive(Debug)]
pub struct Journal(Mutex<File>);

impl Journal {
    /// Begins a journal.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn create(path: &Path) -> anyhow::Result<Self> {
        Ok(Self(Mutex::new(File::create(path).with_context(|| format!("creating {}", path.display()))?)))
    }

    /// Notes that a message is about to be sent. On return it is on the disk.
    ///
    /// # Errors
    /// When it is not; the message must not be sent then.
    pub fn sending(&self, sent: &Sent<'_>) -> anyhow::Result<()> {
        self.sending_all(std::iter::once(*sent))
    }

    /// The same of many messages.
    ///
    /// # Errors
    /// When they are not on the disk; none of them must be sent then.
    pub fn sending_all<'s>(&self, all: impl Iterator<Item = Sent<'s>>) -> anyhow::Result<()> {
        let mut text = String::new();
        for Sent { id, class, campaign, at, micros } in all {
            text.push_str(&format!("sent\t{id}\t{}\t{campaign}\t{at}\t{micros}\n", class.name()));
        }
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(text.as_bytes()).context("journal")?;
        file.sync_data().context("journal")
    }

    /// Notes a definite reply.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn replied(&self, id: &str, accepted: bool) -> anyhow::Result<()> {
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(file, "{}\t{id}", if accepted { "accepted" } else { "refused" }).context("journal")
    }
}

/// Reads a journal: class and fate of every message. A message that was accepted once stays accepted.
///
/// # Errors
/// When the file cannot be read, or a line makes no sense.
pub fn read(path: &Path) -> anyhow::Result<BTreeMap<String, (Class, Fate)>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let mut messages: BTreeMap<String, (Class, Fate)> = BTreeMap::new();
    for line in text.lines() {
        let mut fields = line.split('\t');
        let (verb, id) = fields.next().zip(fields.next()).context("a torn line in the journal")?;
        if verb == "sent" {
            let name = fields.next().unwrap_or_default();
            let class =
                Class::ALL.into_iter().find(|class| class.name() == name).context("an unknown class")?;
            messages.entry(id.to_owned()).or_insert((class, Fate::Unknown));
            continue;
        }
        let (_, fate) =
            messages.get_mut(id).with_context(|| format!("a reply to {id}, which was never sent"))?;
        if *fate != Fate::Accepted {
            *fate = if verb == "accepted" { Fate::Accepted } else { Fate::Refused };
        }
    }
    Ok(messages)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test program fails by panicking")]
    use super::*;

    #[test]
    fn a_message_without_a_reply_is_of_unknown_fate_and_an_accepted_one_stays_accepted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let journal = Journal::create(&path).unwrap();
        for id in ["crm/a", "crm/b", "crm/c"] {
            journal.sending(&Sent { id, class: Class::Valid, campaign: "1", at: 5, micros: 7 }).unwrap();
        }
        journal.replied("crm/b", true).unwrap();
        journal.replied("crm/b", false).unwrap();
        journal.replied("crm/c", false).unwrap();
        let fates: Vec<Fate> = read(&path).unwrap().into_values().map(|(_, fate)| fate).collect();
        assert_eq!(fates, [Fate::Unknown, Fate::Accepted, Fate::Refused]);
    }
}
