"""The stage `score` as a Quix Streams application: facts in, scores out, exactly once, a score for each fact.

Arguments are name=value. State is one blob for each campaign, because that costs Quix less than JSON or a key for each
day. Ends cleanly on SIGTERM.
"""

import logging
import sys
from array import array

import campaign
import event as events
import scoring
from quixstreams import Application, State, message_context

STATE = "campaign"


def main():
    options = dict(argument.split("=", 1) for argument in sys.argv[1:])
    logging.basicConfig(level=logging.INFO)
    event_id, score_id = int(options["event-schema-id"]), int(options["score-schema-id"])
    source = options["events"].encode()
    app = Application(
        broker_address=options["brokers"],
        consumer_group=options["application-id"],
        processing_guarantee="exactly-once",
        commit_interval=int(options["commit-ms"]) / 1_000,
        auto_offset_reset="earliest",
        state_dir=options["state-folder"],
        producer_extra_config={"linger.ms": 100, "compression.type": "none", "retry.backoff.ms": 2},
        consumer_extra_config={"fetch.queue.backoff.ms": 2, "fetch.wait.max.ms": 100},
        loglevel="INFO",
    )
    facts = app.topic(options["events"], key_deserializer="str", value_deserializer="bytes")
    scores = app.topic(options["scores"], key_serializer="str", value_serializer="bytes")
    letters = app.topic(options["dead-letters"], key_serializer="str", value_serializer="bytes")
    # The largest moment seen in each partition: the log time that scores are computed at.
    log_times = {}

    def decode(value):
        return value, events.decode(value, event_id)

    def score(read, key, timestamp, headers, state: State):
        event = read[1]
        partition = message_context().partition
        log_time = max(log_times.get(partition, 0), event[1])
        log_times[partition] = log_time
        blob = state.get_bytes(STATE)
        known = array("q", blob) if blob else campaign.new()
        if not campaign.apply(known, event):
            return None
        state.set_bytes(STATE, known.tobytes())
        return scoring.encode(score_id, key, known, log_time, source)

    stream = app.dataframe(facts).apply(decode)
    stream.filter(lambda read: read[1] is None).apply(lambda read: read[0]).to_topic(letters)
    sound = stream.filter(lambda read: read[1] is not None)
    sound = sound.apply(score, stateful=True, metadata=True)
    sound.filter(lambda record: record is not None).to_topic(scores)
    app.run()


if __name__ == "__main__":
    main()
