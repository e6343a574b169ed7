"""The score of a campaign with the default policy, as the scoring specification defines it, and its record.

Reasons, alerts and the announcement stay empty, which is work that adpulse does and this peer is spared.
"""

import math
import struct

import campaign as c

COST, QUALIFIED_RATE, WON_RATE, CTR, LEADS_TARGET = 27.66, 0.30, 0.08, 0.0259, 60
INCREASE, CONTINUE, TEST, REDUCE, PAUSE = range(5)
_QUALIFIED_KNOWN = [(0, 0), (1, 0.40), (3, 0.70), (7, 0.90), (14, 1)]
_WON_KNOWN = [(0, 0), (7, 0.34), (14, 0.50), (30, 0.66), (55, 0.75), (90, 0.85), (162, 0.95)]


def _by_age(points):
    known = []
    for age in range(31):
        after = next((index for index, point in enumerate(points) if point[0] > age), None)
        if after is None:
            known.append(points[-1][1])
        else:
            (age_0, share_0), (age_1, share_1) = points[after - 1], points[after]
            known.append(share_0 + (share_1 - share_0) * (age - age_0) / (age_1 - age_0))
    return known


_QUALIFIED_BY_AGE, _WON_BY_AGE = _by_age(_QUALIFIED_KNOWN), _by_age(_WON_KNOWN)


def _curve(raised, at_target):
    risen = at_target * raised
    return risen / (risen + 1 - at_target)


def _rounded(value):
    hundredths = value * 100
    cut = int(hundredths)
    return (cut + 1 if hundredths - cut >= 0.5 else cut) / 100


def _saturation(value, half):
    return value / (value + half)


def encode(schema_id, key, state, log_time, source):
    """The record of the score at a moment of the log."""
    as_of = log_time // c.DAY_MS
    sums = [0] * 9
    active = recent_spend = recent_leads = prior_spend = prior_leads = 0
    known_qualified = known_won = 0.0
    tired = False
    for age in range(1, 31):
        at = ((as_of - age) & (c.DAYS - 1)) * c.COLUMNS
        if state[at] != as_of - age:
            continue
        _, _, _, spend, impressions, clicks, leads, purchases, crm, qualified, won, revenue, is_tired = state[
            at : at + c.COLUMNS
        ]
        leads = max(leads, crm)
        for index, figure in enumerate((spend, impressions, clicks, leads, crm, qualified, won, revenue, purchases)):
            sums[index] += figure
        active += impressions > 0 or spend > 0
        known_qualified += crm * _QUALIFIED_BY_AGE[age]
        known_won += crm * _WON_BY_AGE[age]
        if age <= 7:
            recent_spend += spend
            recent_leads += leads
            tired = tired or is_tired == 1
        elif age <= 28:
            prior_spend += spend
            prior_leads += leads
    spend, impressions, clicks, leads, _, qualified, won, _, _ = sums
    spent = max(0.0, spend / 1e6)
    cost_per_lead = (spent + 5 * COST) / (leads + 5)
    efficiency = COST / cost_per_lead
    efficiency = _curve(efficiency * efficiency * efficiency, 0.7)
    gate = min(1.0, efficiency / 0.7)
    q = (qualified + 20 * QUALIFIED_RATE) / (known_qualified + 20) / QUALIFIED_RATE
    w = (won + 20 * WON_RATE) / (known_won + 20) / WON_RATE
    known = known_qualified / (known_qualified + 20)
    estimate = 0.65 * _curve(q * q, 0.7) + 0.35 * _curve(w * math.sqrt(w), 0.7)
    recent = (max(0.0, recent_spend / 1e6) + 5 * COST) / (recent_leads + 5)
    prior = (max(0.0, prior_spend / 1e6) + 5 * COST) / (prior_leads + 5)
    ratio = math.exp(math.log(prior / recent) + 0.5 * math.log((3.0 * recent_leads + 5) / (prior_leads + 5)))
    ctr = (clicks + 1000 * CTR) / (impressions + 1000) / CTR
    frequency = c.frequency(state)
    freshness = min(1.0, (frequency / 2) ** -0.43) if frequency > 2 else 1.0
    freshness = min(freshness, 0.6) if tired else freshness
    parts = (
        25 * efficiency,
        25 * estimate * (1 - (1 - known) * (1 - gate)),
        20 * (1 - 0.3 ** (leads / (LEADS_TARGET * max(active, 7) / 30))),
        20 * _curve(ratio * math.sqrt(ratio), 0.65) * (0.5 + 0.5 * gate),
        10 * _curve(ctr * ctr, 0.7) * freshness,
    )
    targets = spent / COST
    guard = None if leads > 0 or targets < 3 else 1 if targets >= 5 else 0
    total = _rounded(min(sum(parts), 100 if guard is None else (39, 19)[guard]))
    band = INCREASE if total >= 80 else CONTINUE if total >= 60 else TEST if total >= 40 else REDUCE if total >= 20 else PAUSE
    confidence, actionable = _trust(state, log_time, (spent, leads, active, impressions), (recent_spend, recent_leads), known, guard)
    out = bytearray(b"\0" + schema_id.to_bytes(4, "big"))
    for part in key.split(":"):
        _text(out, part.encode())
    _number(out, as_of)
    out += struct.pack("<6d", *(_rounded(part) for part in parts), total)
    _number(out, band)
    out += struct.pack("<d?", confidence, actionable)
    if guard is None:
        _number(out, 0)
    else:
        _number(out, 1)
        _number(out, guard)
    _number(out, 0)
    for figure in (*sums, active):
        _number(out, figure)
    _number(out, 0)
    _number(out, log_time)
    if state[c.METRICS_AT]:
        _number(out, 1)
        _number(out, state[c.METRICS_AT])
    else:
        _number(out, 0)
    _text(out, b"default")
    _number(out, 0)
    _number(out, 0)
    _text(out, source)
    _number(out, 0)
    _number(out, 0)
    return bytes(out)


def _trust(state, log_time, window, recent, known, guard):
    spent, leads, active, impressions = window
    seen = max(float(leads), spent / COST)
    seen_recently = max(float(recent[1]), max(0.0, recent[0] / 1e6) / COST)
    fresh = (
        0.25 * _saturation(seen, 10)
        + 0.25 * known
        + 0.2 * _saturation(active, 7)
        + 0.2 * _saturation(seen_recently, 10)
        + 0.1 * _saturation(impressions, 5000)
    )
    hours = max(0, log_time - state[c.METRICS_AT]) / 3_600_000 if state[c.METRICS_AT] else 0.0
    confidence = _rounded(fresh * math.exp(-(hours - 24) / 48) if hours > 24 else fresh)
    return confidence, not (confidence < 0.35 and guard is None) and hours <= 48


def _number(out, value):
    folded = (value << 1) ^ (value >> 63)
    while folded > 0x7F:
        out.append(folded & 0x7F | 0x80)
        folded >>= 7
    out.append(folded)


def _text(out, value):
    _number(out, len(value))
    out += value
