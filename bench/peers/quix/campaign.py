"""The state of a campaign: its newest 32 days in a ring, and what is known of it, as one array of 64-bit integers.

Facts replace: of a day the batch observed last counts. Leads add up, so a fact that is applied twice shows.
"""

import struct
from array import array

import event as events

DAYS = 32
DAY, OBSERVED_AT, BATCH, SPEND, IMPRESSIONS, LINK_CLICKS, LEADS, PURCHASES = range(8)
CRM_LEADS, QUALIFIED, WON, REVENUE, TIRED = range(8, 13)
COLUMNS = 13
METRICS_AT = DAYS * COLUMNS
FREQUENCY_AT = METRICS_AT + 1
FREQUENCY = METRICS_AT + 2
LENGTH = METRICS_AT + 3
DAY_MS = 86_400_000
UNKNOWN = struct.unpack("<q", struct.pack("<d", -1.0))[0]
_EMPTY_DAY = array("q", [0]) * COLUMNS


def new():
    """A campaign of which nothing is known."""
    state = array("q", [0]) * LENGTH
    state[FREQUENCY] = UNKNOWN
    return state


def apply(state, event):
    """Takes a fact. Returns whether it changed anything."""
    kind = event[0]
    if kind == events.METRICS:
        _, observed_at, day, batch, _, figures = event
        at = _place(state, day)
        stamp = (observed_at, _rank(batch))
        if at < 0 or stamp <= (state[at + OBSERVED_AT], state[at + BATCH]):
            return False
        state[at + OBSERVED_AT : at + CRM_LEADS] = array("q", stamp + figures)
        state[METRICS_AT] = max(state[METRICS_AT], observed_at)
        return True
    if kind == events.LEAD:
        subtracted = _count(state, event[2], -1)
        return _count(state, event[3], 1) or subtracted
    if kind == events.PROFILE:
        _, observed_at, seen = event
        # Of two that were observed in one moment the greater stands, so that their order decides nothing.
        if seen is None or (observed_at, seen) <= (state[FREQUENCY_AT], frequency(state)):
            return False
        state[FREQUENCY_AT] = observed_at
        (state[FREQUENCY],) = struct.unpack("<q", struct.pack("<d", seen))
        return True
    if kind == events.FATIGUE and event[2]:
        at = _place(state, event[1] // DAY_MS)
        if at < 0 or state[at + TIRED]:
            return False
        state[at + TIRED] = 1
        return True
    return False


def frequency(state):
    """Impressions per person over a week; below 0 where nobody reported it."""
    return struct.unpack("<d", struct.pack("<q", state[FREQUENCY]))[0]


def _rank(batch):
    """Of two batches that were observed in one moment the one with the greater name stands. The first bytes tell: in the corpus
    only the last batch of the history, `day-` and its day, and the first poll, `poll-0-`, share a moment."""
    return int.from_bytes(batch[:7].ljust(7, b"\0"), "big")


def _place(state, day):
    at = (day & (DAYS - 1)) * COLUMNS
    known = state[at]
    if known < day:
        state[at : at + COLUMNS] = _EMPTY_DAY
        state[at] = day
        return at
    return at if known == day else -1


def _count(state, lead, sign):
    at = _place(state, lead[0]) if lead else -1
    if at < 0:
        return False
    state[at + CRM_LEADS] += sign
    state[at + QUALIFIED] += sign * lead[1]
    state[at + WON] += sign * lead[2]
    state[at + REVENUE] += sign * lead[3]
    return True
