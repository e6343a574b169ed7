//! The Avro datum of an [`Event`] read by hand, in the order of this build's schema: the one record of which every role
//! behind `normalize` reads millions.
//!
//! Promises the value that the decoder of any schema would give, several times faster, or nothing: for whatever is not
//! plainly in order (damage, blocks of lists with sizes, numbers longer than they need be) that decoder is asked, so there
//! is one judgement and one set of errors. [`crate::Decoder::decode_event`] calls it when the schema is this build's.

use crate::record::{
    AccountObserved, BatchRow, CampaignObserved, Contribution, Doubt, Event, EventBody, FatigueLevel,
    FatigueSignal, Figures, LeadChanged, MetricsObserved, Origin, QualityCounted, QualityFlag, Source, Tick,
};
use crate::{Day, Micros, TimestampMs};

/// The event, if the whole datum is plainly one.
pub(crate) fn read(datum: &[u8]) -> Option<Event<'_>> {
    let mut from = Datum(datum);
    let event = Event {
        observed_at: TimestampMs(from.long()?),
        origin: Origin { topic: from.text()?, partition: from.int()?, offset: from.long()? },
        flags: from.list(&[QualityFlag::Incomplete, QualityFlag::Outlier])?,
        doubts: from.list(&Doubt::ALL)?,
        body: body(&mut from)?,
    };
    from.0.is_empty().then_some(event)
}

fn body<'a>(from: &mut Datum<'a>) -> Option<EventBody<'a>> {
    Some(match from.long()? {
        0 => EventBody::MetricsObserved(metrics(from)?),
        1 => EventBody::CampaignObserved(CampaignObserved {
            name: from.optional(Datum::text)?,
            status: from.optional(Datum::text)?,
            objective: from.optional(Datum::text)?,
            daily_budget_micros: from.optional(Datum::micros)?,
            lifetime_budget_micros: from.optional(Datum::micros)?,
            time_zone: from.optional(Datum::text)?,
            currency: from.optional(Datum::text)?,
            frequency_7d: from.optional(Datum::double)?,
        }),
        2 => EventBody::LeadChanged(LeadChanged {
            lead_key: from.text()?,
            before: from.optional(contribution)?,
            after: from.optional(contribution)?,
        }),
        3 => EventBody::FatigueSignal(FatigueSignal {
            level: from.symbol(&[FatigueLevel::Low, FatigueLevel::Medium, FatigueLevel::High])?,
            message: from.optional(Datum::text)?,
        }),
        4 => EventBody::Tick(Tick {}),
        5 => EventBody::AccountObserved(AccountObserved {
            name: from.optional(Datum::text)?,
            status: from.optional(Datum::text)?,
            time_zone: from.optional(Datum::text)?,
            currency: from.optional(Datum::text)?,
            failure_code: from.optional(Datum::text)?,
            failure: from.optional(Datum::text)?,
        }),
        6 => EventBody::QualityCounted(QualityCounted {
            hour_start: TimestampMs(from.long()?),
            records: from.int()?,
            incomplete: from.int()?,
            outlier: from.int()?,
            rejected: from.int()?,
        }),
        _ => return None,
    })
}

fn metrics<'a>(from: &mut Datum<'a>) -> Option<MetricsObserved<'a>> {
    Some(MetricsObserved {
        source: from.symbol(&[Source::Facebook, Source::Crm, Source::Csv, Source::Clock])?,
        day: Day(from.int()?),
        batch: BatchRow { batch_id: from.text()?, row_index: from.int()?, row_count: from.int()? },
        currency: from.optional(Datum::text)?,
        figures: Figures {
            spend_micros: from.optional(Datum::micros)?,
            impressions: from.optional(Datum::long)?,
            reach: from.optional(Datum::long)?,
            clicks: from.optional(Datum::long)?,
            link_clicks: from.optional(Datum::long)?,
            leads: from.optional(Datum::long)?,
            purchases: from.optional(Datum::long)?,
            purchase_value_micros: from.optional(Datum::micros)?,
        },
    })
}

fn contribution(from: &mut Datum<'_>) -> Option<Contribution> {
    Some(Contribution {
        created_day: Day(from.int()?),
        qualified: from.boolean()?,
        won: from.boolean()?,
        revenue_micros: from.micros()?,
    })
}

/// What is left of a datum. Every method takes a value from its front, or says that it is not plainly there.
struct Datum<'a>(&'a [u8]);

/// Bits of a number in each of its bytes; the highest says that more follow.
const BITS: u32 = 7;
const MORE: u8 = 1 << BITS;

impl<'a> Datum<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    /// A signed number, folded (0, -1, 1, -2 … are 0, 1, 2, 3 …), lowest bits first.
    fn long(&mut self) -> Option<i64> {
        let (mut folded, mut shift) = (0_u64, 0);
        loop {
            let byte = self.byte()?;
            folded |= u64::from(byte & !MORE) << shift;
            if byte & MORE == 0 {
                // One that is longer than it need be, or than 64 bits, is not plainly in order.
                let is_plain = shift == 0 || (byte != 0 && (shift < 63 || byte == 1));
                return is_plain.then_some((folded >> 1).cast_signed() ^ -(folded & 1).cast_signed());
            }
            shift += BITS;
            if shift > 63 {
                return None;
            }
        }
    }

    fn int(&mut self) -> Option<i32> {
        self.long()?.try_into().ok()
    }

    fn micros(&mut self) -> Option<Micros> {
        self.long().map(Micros)
    }

    fn double(&mut self) -> Option<f64> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(f64::from_le_bytes(*bytes))
    }

    fn boolean(&mut self) -> Option<bool> {
        match self.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    fn text(&mut self) -> Option<&'a str> {
        let len = usize::try_from(self.long()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        std::str::from_utf8(bytes).ok()
    }

    /// A union of nothing and one type.
    fn optional<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        match self.long()? {
            0 => Some(None),
            1 => read(self).map(Some),
            _ => None,
        }
    }

    /// One of the symbols of an enum, in their order.
    fn symbol<T: Copy>(&mut self, symbols: &[T]) -> Option<T> {
        symbols.get(usize::try_from(self.long()?).ok()?).copied()
    }

    /// Symbols in one block, then the end. Nobody has more of them than there are.
    fn list<T: Copy>(&mut self, symbols: &[T]) -> Option<Vec<T>> {
        let count = usize::try_from(self.long()?).ok()?;
        if count == 0 {
            return Some(Vec::new());
        }
        if count > symbols.len() {
            return None;
        }
        let mut list = Vec::with_capacity(count);
        for _ in 0..count {
            list.push(self.symbol(symbols)?);
        }
        (self.long()? == 0).then_some(list)
    }
}
