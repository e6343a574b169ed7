//! I1 and I2: what was promised to senders is on the log, and nothing else is.

use std::collections::{BTreeMap, BTreeSet};

use schemas::Topic;
use schemas::record::{DeadLetter, RawEvent};

use super::log::{Committed, read};
use super::{Damage, Findings};
use crate::generator::ROWS;
use crate::journal::{Class, Fate};
use crate::site::Site;

/// What the log holds, by the identities of the journal.
#[derive(Default)]
struct Held {
    messages: BTreeSet<String>,
    /// Rows of each file.
    files: BTreeMap<String, BTreeSet<String>>,
}

/// Compares the journal with the raw topics and with what the door refused to the dead letters.
pub(super) fn check(
    site: &Site,
    journal: &BTreeMap<String, (Class, Fate)>,
    raw: &[(Topic, Vec<Committed>)],
    letters: &[Committed],
    findings: &mut Findings,
) -> anyhow::Result<()> {
    let held = held(site, raw, letters)?;
    let (mut lost, mut torn, mut forged) = (Vec::new(), Vec::new(), Vec::new());
    for (id, (class, fate)) in journal {
        let whole = match id.strip_prefix("csv/") {
            None => held.messages.contains(id),
            Some(file) => {
                let rows = held.files.get(file).map_or(0, BTreeSet::len);
                if rows != 0 && rows != usize::try_from(ROWS)? {
                    torn.push(format!("{id}: {rows} of {ROWS} rows"));
                }
                rows != 0
            }
        };
        if *fate == Fate::Accepted && !whole {
            lost.push(id.clone());
        }
        if whole && (*class == Class::Forged || *fate == Fate::Refused) {
            forged.push(id.clone());
        }
    }
    let files = held.files.keys().map(|file| format!("csv/{file}"));
    let unknown: Vec<String> =
        held.messages.iter().cloned().chain(files).filter(|id| !journal.contains_key(id)).collect();
    findings.note("I1", Damage::Lost, "acknowledged messages that are not on the log", &lost);
    findings.note("I1", Damage::Lost, "files of which only a part is on the log", &torn);
    findings.note("I2", Damage::Doubled, "refused messages that are on the log", &forged);
    findings.note("I2", Damage::Doubled, "messages on the log that nobody sent", &unknown);
    Ok(())
}

fn held(site: &Site, raw: &[(Topic, Vec<Committed>)], letters: &[Committed]) -> anyhow::Result<Held> {
    let mut decoder = site.schemas.decoder();
    let mut held = Held::default();
    for (topic, records) in raw {
        for record in records {
            note_key(&mut held, record);
            let Ok(event) = decoder.decode::<RawEvent<'_>>(record.value.as_deref()) else { continue };
            let id = event.message_id;
            match topic {
                Topic::RawCrm => drop(held.messages.insert(format!("crm/{id}"))),
                Topic::RawFacebook => drop(held.messages.insert(format!("facebook/{id}"))),
                Topic::RawCsv => {
                    let (file, line) = id.rsplit_once(':').unwrap_or((id, ""));
                    held.files.entry(file.to_owned()).or_default().insert(line.to_owned());
                }
                _ => {}
            }
        }
    }
    for topic in [Topic::Events, Topic::Recommendations, Topic::Alerts] {
        read(site, topic)?.iter().for_each(|record| note_key(&mut held, record));
    }
    for record in letters {
        let Ok(letter) = decoder.decode::<DeadLetter<'_>>(record.value.as_deref()) else {
            note_key(&mut held, record);
            continue;
        };
        if letter.stage == "crm" {
            let id = letter.locator.split_once(':').map_or(letter.locator, |(_, id)| id);
            held.messages.insert(format!("crm/{id}"));
        }
    }
    Ok(held)
}

/// Poison is known by its key: its value says nothing.
fn note_key(held: &mut Held, record: &Committed) {
    let key = String::from_utf8_lossy(record.key.as_deref().unwrap_or_default());
    if key.starts_with("poison-") {
        held.messages.insert(format!("bytes/{key}"));
    }
}
