internal import GRDB

/// The schema of the queue. Never change a migration that was released; add the next one.
enum JobsMigrations {
  /// All moments are milliseconds since 1970.
  ///
  /// The checks and the unique index are laws the database keeps for us:
  /// - a job has a lease exactly while it runs, and a finish time exactly in a final state;
  /// - of the jobs of one subject, at most one has begun and not finished (`jobs_begun`).
  static let version1 = """
    CREATE TABLE jobs (
      id               INTEGER PRIMARY KEY AUTOINCREMENT,
      kind             TEXT    NOT NULL,
      subject          TEXT    NOT NULL,
      arguments        BLOB    NOT NULL,
      state            TEXT    NOT NULL DEFAULT 'available'
        CHECK (state IN ('available', 'running', 'retrying', 'completed', 'failed', 'cancelled')),
      attempt          INTEGER NOT NULL DEFAULT 0 CHECK (attempt >= 0),
      attempts_max     INTEGER NOT NULL CHECK (attempts_max >= 1),
      crashes          INTEGER NOT NULL DEFAULT 0,
      lease_owner      TEXT,
      lease_token      INTEGER NOT NULL DEFAULT 0,
      lease_expires_at INTEGER,
      created_at       INTEGER NOT NULL,
      run_at           INTEGER NOT NULL,
      started_at       INTEGER,
      finished_at      INTEGER,
      phase            TEXT    NOT NULL DEFAULT '',
      rows_done        INTEGER NOT NULL DEFAULT 0,
      rows_total       INTEGER NOT NULL DEFAULT 0,
      rows_per_second  REAL,
      eta_seconds      REAL,
      checkpoint       BLOB,
      result           BLOB,
      error            TEXT,
      error_code       TEXT,
      cancel_requested INTEGER NOT NULL DEFAULT 0 CHECK (cancel_requested IN (0, 1)),
      CHECK ((state = 'running') = (lease_owner IS NOT NULL)),
      CHECK ((state = 'running') = (lease_expires_at IS NOT NULL)),
      CHECK ((state IN ('completed', 'failed', 'cancelled')) = (finished_at IS NOT NULL))
    ) STRICT;
    CREATE UNIQUE INDEX jobs_begun ON jobs (subject) WHERE started_at IS NOT NULL AND finished_at IS NULL;
    CREATE INDEX jobs_waiting ON jobs (run_at, id) WHERE state IN ('available', 'retrying');
    CREATE INDEX jobs_leases ON jobs (lease_expires_at) WHERE state = 'running';
    CREATE INDEX jobs_of_subject ON jobs (subject, id);
    """
}
