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

  /// Pausing, priorities, holding back an effect, and recognizing a request that was made before.
  ///
  /// The check of `state` has new words, so the table is made anew. Every row keeps its number, and none is given
  /// out again.
  static let version2 = """
    CREATE TABLE jobs_2 (
      id               INTEGER PRIMARY KEY AUTOINCREMENT,
      kind             TEXT    NOT NULL,
      subject          TEXT    NOT NULL,
      arguments        BLOB    NOT NULL,
      content_hash     TEXT,
      content_version  INTEGER,
      requested_by     TEXT,
      state            TEXT    NOT NULL DEFAULT 'available'
        CHECK (state IN
          ('available', 'running', 'retrying', 'held', 'paused', 'completed', 'failed', 'cancelled')),
      priority         INTEGER NOT NULL DEFAULT 0 CHECK (priority BETWEEN -100 AND 100),
      attempt          INTEGER NOT NULL DEFAULT 0 CHECK (attempt >= 0),
      attempts_max     INTEGER NOT NULL CHECK (attempts_max >= 1),
      crashes          INTEGER NOT NULL DEFAULT 0,
      lease_owner      TEXT,
      lease_token      INTEGER NOT NULL DEFAULT 0,
      lease_expires_at INTEGER,
      created_at       INTEGER NOT NULL,
      run_at           INTEGER NOT NULL,
      held_until       INTEGER,
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
      pause_requested  INTEGER NOT NULL DEFAULT 0 CHECK (pause_requested IN (0, 1)),
      CHECK ((state = 'running') = (lease_owner IS NOT NULL)),
      CHECK ((state = 'running') = (lease_expires_at IS NOT NULL)),
      CHECK ((state IN ('completed', 'failed', 'cancelled')) = (finished_at IS NOT NULL))
    ) STRICT;
    INSERT INTO jobs_2 (id, kind, subject, arguments, state, attempt, attempts_max, crashes, lease_owner,
        lease_token, lease_expires_at, created_at, run_at, started_at, finished_at, phase, rows_done, rows_total,
        rows_per_second, eta_seconds, checkpoint, result, error, error_code, cancel_requested)
      SELECT id, kind, subject, arguments, state, attempt, attempts_max, crashes, lease_owner,
        lease_token, lease_expires_at, created_at, run_at, started_at, finished_at, phase, rows_done, rows_total,
        rows_per_second, eta_seconds, checkpoint, result, error, error_code, cancel_requested
      FROM jobs;
    DELETE FROM sqlite_sequence WHERE name = 'jobs_2';
    INSERT INTO sqlite_sequence (name, seq) SELECT 'jobs_2', seq FROM sqlite_sequence WHERE name = 'jobs';
    DROP TABLE jobs;
    ALTER TABLE jobs_2 RENAME TO jobs;
    CREATE UNIQUE INDEX jobs_begun ON jobs (subject) WHERE started_at IS NOT NULL AND finished_at IS NULL;
    CREATE INDEX jobs_waiting ON jobs (run_at, id) WHERE state IN ('available', 'retrying', 'held');
    CREATE INDEX jobs_leases ON jobs (lease_expires_at) WHERE state = 'running';
    CREATE INDEX jobs_of_subject ON jobs (subject, id);
    CREATE INDEX jobs_content ON jobs (content_hash) WHERE content_hash IS NOT NULL;
    """

  /// Waiting for room on the disk, and for other jobs.
  static let version3 = """
    ALTER TABLE jobs ADD COLUMN room_needed INTEGER CHECK (room_needed > 0);
    CREATE INDEX jobs_room ON jobs (id) WHERE room_needed IS NOT NULL;
    CREATE TABLE job_needs (
      job    INTEGER NOT NULL REFERENCES jobs (id),
      needed INTEGER NOT NULL REFERENCES jobs (id) CHECK (needed < job),
      PRIMARY KEY (job, needed)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX job_needs_needed ON job_needs (needed);
    """
}
