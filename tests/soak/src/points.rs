//! The names of what can be asked of the binary: places to die at, and defects to have. A test holds this list against the code.

use crate::role::Role;

/// A place in the code at which the process kills itself with SIGKILL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CrashPoint {
    /// Its name in the code.
    pub name: &'static str,
    /// The roles that pass it; none for a command.
    pub roles: &'static [Role],
    /// Where it lies, as the subject of a sentence: killed …
    pub place: &'static str,
}

const STAGES: &[Role] = &[Role::Normalize, Role::Score];

/// All of them, in the order in which a record passes them.
pub const CRASH_POINTS: [CrashPoint; 18] = [
    point("ingest.after_auth", &[Role::Ingest], "after the signature was verified"),
    point("ingest.before_ack", &[Role::Ingest], "when the record is produced and not acknowledged"),
    point(
        "ingest.before_reply",
        &[Role::Ingest],
        "when the record is acknowledged and the sender not answered",
    ),
    point("csv.mid_file", &[], "in the middle of a file"),
    point("csv.before_commit", &[], "before the commit of a file"),
    point("csv.after_commit", &[], "after the commit of a file"),
    point("stage.during_restore", STAGES, "while its state is being restored"),
    point("stage.after_poll", STAGES, "after a record was polled"),
    point("stage.after_process", STAGES, "after its state has changed"),
    point("stage.after_produce", STAGES, "after the outputs were produced"),
    point("stage.after_send_offsets", STAGES, "after the offsets joined the transaction"),
    point("stage.after_commit", STAGES, "after the commit"),
    point("clickhouse.range_committed", &[Role::SinkClickhouse], "when a pending range is noted"),
    point("clickhouse.before_insert", &[Role::SinkClickhouse], "before an insert"),
    point(
        "clickhouse.after_insert",
        &[Role::SinkClickhouse],
        "after an insert, before its offsets are committed",
    ),
    point("postgres.before_commit", &[Role::SinkPostgres], "before COMMIT"),
    point("postgres.after_commit", &[Role::SinkPostgres], "after COMMIT"),
    point(
        "sink.before_offset_commit",
        &[Role::SinkClickhouse, Role::SinkPostgres],
        "when the store has the batch and the group not its offsets",
    ),
];

const fn point(name: &'static str, roles: &'static [Role], place: &'static str) -> CrashPoint {
    CrashPoint { name, roles, place }
}

/// A defect that the binary can be told to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeededBug {
    /// The name that `ADPULSE_BUG` takes.
    pub name: &'static str,
    /// The invariant that it breaks, whatever else it breaks.
    pub breaks: &'static str,
}

/// Defects that the oracle must find.
pub const SEEDED_BUGS: [SeededBug; 7] = [
    bug("commit_before_insert", "I7"),
    bug("ack_before_delivery", "I1"),
    bug("deduplication_off", "I4"),
    bug("window_off_by_one_day", "I4"),
    bug("state_kept_on_abort", "I3"),
    bug("state_not_restored", "I3"),
    bug("offsets_not_in_transaction", "I8"),
];

const fn bug(name: &'static str, breaks: &'static str) -> SeededBug {
    SeededBug { name, breaks }
}
