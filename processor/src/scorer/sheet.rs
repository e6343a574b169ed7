//! A profile as bytes. Half of it is moments that are mostly all the same, and of many campaigns little is known.
//!
//! Which things were told; the frequency; the lengths of the texts and the budgets; the texts; the moments. What scores read
//! comes first. Equal profiles are equal bytes. Stored nowhere but in memory: a restart reads records.

use std::sync::Arc;

use chrono_tz::Tz;
use schemas::record::FatigueLevel;
use schemas::{Day, Micros, TimestampMs};

use super::layout::{moment, since};
use super::pack::{PADDING, Packer, Reader};
use super::profile::{Profile, is_tired};
use super::told::Told;

/// A packed profile; no bytes while nothing was told.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Sheet(Arc<[u8]>);

/// Bits of what was told. The first are those of the texts.
const NAME: u64 = 1;
const STATUS: u64 = 1 << 1;
const OBJECTIVE: u64 = 1 << 2;
const TIME_ZONE: u64 = 1 << 3;
const CURRENCY: u64 = 1 << 4;
const TEXTS: usize = 5;
const FREQUENCY: u64 = 1 << 5;
const BUDGETS: u64 = 1 << 6;
const DAILY: u64 = 1 << 7;
const LIFETIME: u64 = 1 << 8;
const TIRED: [u64; 2] = [1 << 9, 1 << 10];
const OBSERVED: u64 = 1 << 11;
const FATIGUE: u64 = 1 << 12;
const MEDIUM: u64 = 1 << 13;
const HIGH: u64 = 1 << 14;

/// What was told, up to the texts.
struct Front<'a> {
    told: u64,
    frequency: f64,
    lengths: [u64; TEXTS],
    budgets: [i64; 2],
    /// The texts, and what follows.
    rest: &'a [u8],
}

impl Sheet {
    /// Packs a profile. The buffer is used again and again.
    pub(super) fn new(profile: &Profile<'_>, buffer: &mut Packer) -> Self {
        if *profile == Profile::default() {
            return Self::default();
        }
        buffer.clear();
        put(profile, buffer);
        buffer.array([0; PADDING]);
        Self(buffer.since(0).into())
    }

    pub(super) fn name(&self) -> Option<&str> {
        self.if_told(NAME)?.text(NAME)
    }

    pub(super) fn status(&self) -> Option<&str> {
        self.if_told(STATUS)?.text(STATUS)
    }

    pub(super) fn currency(&self) -> Option<&str> {
        self.if_told(CURRENCY)?.text(CURRENCY)
    }

    /// Daily and lifetime budget.
    pub(super) fn budgets(&self) -> (Option<Micros>, Option<Micros>) {
        self.if_told(BUDGETS).map_or((None, None), |front| front.budgets())
    }

    pub(super) fn frequency_7d(&self) -> Option<f64> {
        self.if_told(FREQUENCY).map(|front| front.frequency)
    }

    /// Whether a HIGH signal lies within the 7 days before a day.
    pub(super) fn is_tired(&self, zone: Tz, as_of: Day) -> bool {
        self.if_told(TIRED[0] | TIRED[1]).is_some_and(|_| is_tired(self.read().tired, zone, as_of))
    }

    /// What was told, if that of one of the bits was: scores ask for much that mostly was not.
    fn if_told(&self, bits: u64) -> Option<Front<'_>> {
        let [told] = Reader::new(&self.0).group();
        (told & bits != 0).then(|| self.front())
    }

    /// The profile, with its texts as they lie here.
    pub(super) fn read(&self) -> Profile<'_> {
        let front = self.front();
        let told = front.told;
        let mut reader = Reader::new(front.rest);
        reader.bytes(front.len(TEXTS));
        let [newest, tired, tired_before, observed] = reader.group();
        let ago: [u64; 8] = reader.group();
        let at = |ago: u64| moment(newest.wrapping_sub(ago));
        let [
            name_at,
            status_at,
            objective_at,
            time_zone_at,
            currency_at,
            budgets_at,
            frequency_at,
            fatigue_at,
        ] = ago.map(at);
        let level = match told & (MEDIUM | HIGH) {
            0 => FatigueLevel::Low,
            MEDIUM => FatigueLevel::Medium,
            _ => FatigueLevel::High,
        };
        let is_told = |bit: u64| told & bit != 0;
        Profile {
            name: Told::new(front.text(NAME), name_at),
            status: Told::new(front.text(STATUS), status_at),
            objective: Told::new(front.text(OBJECTIVE), objective_at),
            budgets: Told::new(is_told(BUDGETS).then(|| front.budgets()), budgets_at),
            time_zone: Told::new(front.text(TIME_ZONE), time_zone_at),
            currency: Told::new(front.text(CURRENCY), currency_at),
            frequency_7d: Told::new(is_told(FREQUENCY).then_some(front.frequency), frequency_at),
            fatigue: Told::new(is_told(FATIGUE).then_some(level), fatigue_at),
            tired: [(TIRED[0], tired), (TIRED[1], tired_before)]
                .map(|(bit, ago)| is_told(bit).then(|| at(ago))),
            observed_at: is_told(OBSERVED).then(|| at(observed)),
        }
    }

    fn front(&self) -> Front<'_> {
        let mut reader = Reader::new(&self.0);
        let [told] = reader.group();
        let frequency = if told & FREQUENCY == 0 { 0.0 } else { f64::from_le_bytes(reader.array()) };
        let [name, status, objective, time_zone, currency, daily, lifetime] = reader.group();
        let lengths = [name, status, objective, time_zone, currency];
        Front {
            told,
            frequency,
            lengths,
            budgets: [daily, lifetime].map(u64::cast_signed),
            rest: reader.rest(),
        }
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        if self.0.is_empty() { 0 } else { 2 * size_of::<usize>() + self.0.len() }
    }
}

impl<'a> Front<'a> {
    /// The text of a bit.
    fn text(&self, bit: u64) -> Option<&'a str> {
        if self.told & bit == 0 {
            return None;
        }
        let at = bit.trailing_zeros() as usize;
        let bytes = self.rest.get(self.len(at)..self.len(at + 1));
        bytes.and_then(|bytes| schemas::text(bytes).ok())
    }

    /// Bytes of so many texts.
    fn len(&self, texts: usize) -> usize {
        usize::try_from(self.lengths[..texts].iter().sum::<u64>()).unwrap_or(usize::MAX)
    }

    /// Daily and lifetime budget.
    fn budgets(&self) -> (Option<Micros>, Option<Micros>) {
        let [daily, lifetime] = self.budgets.map(Micros);
        ((self.told & DAILY != 0).then_some(daily), (self.told & LIFETIME != 0).then_some(lifetime))
    }
}

fn put(profile: &Profile<'_>, out: &mut Packer) {
    let Profile { name, status, objective, budgets, time_zone, currency, frequency_7d, fatigue, .. } =
        profile;
    let [daily, lifetime] = budgets.value().map_or([None; 2], |(daily, lifetime)| [*daily, *lifetime]);
    let texts = [name, status, objective, time_zone, currency].map(|text| text.value().copied());
    out.group([told(profile)]);
    if let Some(frequency) = frequency_7d.value() {
        out.array(frequency.to_le_bytes());
    }
    let [name_len, status_len, objective_len, time_zone_len, currency_len] =
        texts.map(|text| text.map_or(0, |text| text.len() as u64));
    let [daily, lifetime] =
        [daily, lifetime].map(|amount| amount.map_or(0, |amount| amount.0.cast_unsigned()));
    out.group([name_len, status_len, objective_len, time_zone_len, currency_len, daily, lifetime]);
    texts.into_iter().flatten().for_each(|text| out.bytes(text.as_bytes()));
    let moments = [
        name.at(),
        status.at(),
        objective.at(),
        time_zone.at(),
        currency.at(),
        budgets.at(),
        frequency_7d.at(),
        fatigue.at(),
    ];
    let others = [profile.tired[0], profile.tired[1], profile.observed_at];
    let newest = moments.into_iter().chain(others).flatten().max().map_or(0, since);
    let ago = |at: Option<TimestampMs>| at.map_or(0, |at| newest.wrapping_sub(since(at)));
    let [tired, tired_before, observed] = others.map(ago);
    out.group([newest, tired, tired_before, observed]);
    out.group(moments.map(ago));
}

/// The bits of what was told.
fn told(profile: &Profile<'_>) -> u64 {
    let Profile { name, status, objective, budgets, time_zone, currency, fatigue, tired, .. } = profile;
    let [daily, lifetime] = budgets.value().map_or([None; 2], |(daily, lifetime)| [*daily, *lifetime]);
    let told = [
        (name.at().is_some(), NAME),
        (status.at().is_some(), STATUS),
        (objective.at().is_some(), OBJECTIVE),
        (time_zone.at().is_some(), TIME_ZONE),
        (currency.at().is_some(), CURRENCY),
        (profile.frequency_7d.at().is_some(), FREQUENCY),
        (budgets.at().is_some(), BUDGETS),
        (daily.is_some(), DAILY),
        (lifetime.is_some(), LIFETIME),
        (tired[0].is_some(), TIRED[0]),
        (tired[1].is_some(), TIRED[1]),
        (profile.observed_at.is_some(), OBSERVED),
        (fatigue.at().is_some(), FATIGUE),
        (fatigue.value() == Some(&FatigueLevel::Medium), MEDIUM),
        (fatigue.value() == Some(&FatigueLevel::High), HIGH),
    ];
    told.into_iter().fold(0, |bits, (is_told, bit)| if is_told { bits | bit } else { bits })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn moments() -> impl Strategy<Value = TimestampMs> {
        let near = 1_790_000_000_000..1_790_000_000_003_i64;
        prop_oneof![6 => near, 1 => any::<i64>(), 1 => Just(i64::MIN)].prop_map(TimestampMs)
    }

    fn told<T: Clone + std::fmt::Debug>(value: impl Strategy<Value = T>) -> impl Strategy<Value = Told<T>> {
        (proptest::option::of(value), moments()).prop_map(|(value, at)| Told::new(value, at))
    }

    fn texts() -> impl Strategy<Value = Told<&'static str>> {
        told(proptest::sample::select(vec!["", "EUR", "Herbst – Leads", "ACTIVE", "Europe/Berlin"]))
    }

    fn profiles() -> impl Strategy<Value = Profile<'static>> {
        let amount = || proptest::option::of(any::<i64>().prop_map(Micros));
        let levels = vec![FatigueLevel::Low, FatigueLevel::Medium, FatigueLevel::High];
        let moment = || proptest::option::of(moments());
        let texts = (texts(), texts(), texts(), texts(), texts());
        let others = (told((amount(), amount())), told(any::<i32>().prop_map(f64::from)));
        let tired = (told(proptest::sample::select(levels)), moment(), moment(), moment());
        (texts, others, tired).prop_map(|(texts, (budgets, frequency_7d), tired)| {
            let (name, status, objective, time_zone, currency) = texts;
            let (fatigue, tired, tired_before, observed_at) = tired;
            let tired = [tired, tired_before];
            Profile {
                name,
                status,
                objective,
                budgets,
                time_zone,
                currency,
                frequency_7d,
                fatigue,
                tired,
                observed_at,
            }
        })
    }

    proptest! {
        #[test]
        fn a_profile_comes_back_as_it_was_packed(profile in profiles(), as_of in 20_700..20_740_i32) {
            let sheet = Sheet::new(&profile, &mut Packer::default());
            prop_assert_eq!(sheet.read(), profile.clone());
            prop_assert_eq!(sheet.name(), profile.name.value().copied());
            prop_assert_eq!(sheet.status(), profile.status.value().copied());
            prop_assert_eq!(sheet.currency(), profile.currency.value().copied());
            prop_assert_eq!(sheet.budgets(), profile.budgets.value().copied().unwrap_or_default());
            prop_assert_eq!(sheet.frequency_7d(), profile.frequency_7d.value().copied());
            let tired = is_tired(profile.tired, Tz::UTC, Day(as_of));
            prop_assert_eq!(sheet.is_tired(Tz::UTC, Day(as_of)), tired);
        }
    }

    #[test]
    fn nothing_told_takes_no_bytes() {
        let sheet = Sheet::new(&Profile::default(), &mut Packer::default());
        assert_eq!((sheet.heap_bytes(), sheet.read()), (0, Profile::default()));
    }
}
