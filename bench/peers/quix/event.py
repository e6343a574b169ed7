"""Reads a value of `events`: a zero byte, the schema's id, the Avro datum in the order of the schema, by hand.

Gives a tuple that begins with the kind, or None for what is not plainly an event.
"""

import struct

METRICS, PROFILE, LEAD, FATIGUE, OTHER = range(5)
_DOUBLE = struct.Struct("<d")


class Reader:
    """The bytes of a datum and how far they have been read."""

    __slots__ = ("at", "bytes")

    def __init__(self, value, at):
        self.bytes = value
        self.at = at

    def number(self):
        value = self.bytes
        byte = value[self.at]
        self.at += 1
        folded = byte & 0x7F
        shift = 7
        while byte & 0x80:
            byte = value[self.at]
            self.at += 1
            folded |= (byte & 0x7F) << shift
            shift += 7
            if shift > 70:
                raise ValueError("a number is longer than 64 bits")
        return folded >> 1 ^ -(folded & 1)

    def text(self):
        length = self.number()
        start = self.at
        if length < 0 or start + length > len(self.bytes):
            raise ValueError("a text is longer than its record")
        self.at = start + length
        return self.bytes[start : self.at]

    def optional_number(self, otherwise=0):
        return self.number() if self.number() else otherwise

    def optional_text(self):
        return self.text() if self.number() else None

    def symbols(self):
        count = self.number()
        if count:
            if count < 0 or count > 32:
                raise ValueError("a list is longer than its symbols")
            for _ in range(count):
                self.number()
            if self.number():
                raise ValueError("a list has no end")

    def contribution(self):
        if not self.number():
            return None
        day = self.number()
        qualified, won = self.bytes[self.at], self.bytes[self.at + 1]
        self.at += 2
        return day, qualified, won, self.number()


def decode(value, schema_id):
    """The event, or None."""
    if value is None or len(value) < 5 or value[0] or int.from_bytes(value[1:5], "big") != schema_id:
        return None
    reader = Reader(value, 5)
    try:
        event = _event(reader)
    except (IndexError, ValueError, struct.error):
        return None
    return event if reader.at == len(value) else None


def _event(reader):
    observed_at = reader.number()
    reader.text()
    reader.number()
    reader.number()
    reader.symbols()
    reader.symbols()
    body = reader.number()
    if body == 0:
        return _metrics(reader, observed_at)
    if body == 1:
        for _ in range(3):
            reader.optional_text()
        reader.optional_number()
        reader.optional_number()
        reader.optional_text()
        reader.optional_text()
        frequency = None
        if reader.number():
            (frequency,) = _DOUBLE.unpack_from(reader.bytes, reader.at)
            reader.at += 8
        return PROFILE, observed_at, frequency
    if body == 2:
        reader.text()
        return LEAD, observed_at, reader.contribution(), reader.contribution()
    if body == 3:
        is_high = reader.number() == 2
        reader.optional_text()
        return FATIGUE, observed_at, is_high
    if body == 4:
        return OTHER, observed_at
    if body == 5:
        for _ in range(6):
            reader.optional_text()
        return OTHER, observed_at
    if body == 6:
        for _ in range(5):
            reader.number()
        return OTHER, observed_at
    raise ValueError("no such kind of event")


def _metrics(reader, observed_at):
    reader.number()
    day = reader.number()
    batch = reader.text()
    if reader.number() != 0 or reader.number() != 1:
        raise ValueError("the corpus has batches of one row only")
    currency = reader.optional_text()
    spend = reader.optional_number()
    impressions = reader.optional_number()
    reader.optional_number()
    clicks = reader.optional_number()
    link_clicks = reader.optional_number(clicks)
    leads = reader.optional_number()
    purchases = reader.optional_number()
    reader.optional_number()
    figures = (spend, impressions, link_clicks, leads, purchases)
    return METRICS, observed_at, day, batch, currency, figures
