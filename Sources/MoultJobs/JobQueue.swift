package import Foundation
package import GRDB

/// A durable queue of jobs in an SQLite database that others share.
///
/// Every operation is one transaction, or part of the caller's where it takes a `Database`; a job and the
/// rows it is about are thus written together or not at all. The methods without a `Database` block until the
/// writer is free; called inside `database.write` they would deadlock, and GRDB traps.
///
/// The article *JobLifecycle* has the state diagram and what each transition keeps.
package final class JobQueue: Sendable {
  package struct Configuration: Sendable, Hashable {
    /// How long a lease lasts after its last sign of life; a heartbeat comes at a third of it.
    package var leaseMilliseconds: Int64
    /// Attempts of a job that names no other number.
    package var attemptsMaxDefault: Int
    /// A job that was running at this many deaths of the process is given up. Far above what restarts do by
    /// chance, yet a job that kills the process each time comes to an end.
    package var crashesMax: Int
    package var retry: RetryPolicy

    package init(
      leaseMilliseconds: Int64 = 30_000, attemptsMaxDefault: Int = 5, crashesMax: Int = 100,
      retry: RetryPolicy = RetryPolicy()
    ) {
      precondition(leaseMilliseconds >= 3 && attemptsMaxDefault >= 1 && crashesMax >= 1)
      self.leaseMilliseconds = leaseMilliseconds
      self.attemptsMaxDefault = attemptsMaxDefault
      self.crashesMax = crashesMax
      self.retry = retry
    }
  }

  package let configuration: Configuration
  let clock: JobClock
  let signals = JobSignals()
  private let database: any DatabaseWriter
  private let writeRunner: WriteRunner

  /// Runs a transaction to its end, perhaps on another thread.
  package typealias WriteRunner = @Sendable (_ transaction: () throws -> Void) throws -> Void

  /// - Parameter database: migrated by ``registerMigrations(in:)`` or ``migrate(_:)``. Its owner chooses
  ///   `PRAGMA synchronous`, and with it whether an answer of the queue survives a power loss.
  /// - Parameter writeRunner: of the transactions that block their thread: jobs may run on threads that nobody should
  ///   wait for, and whoever writes waits for the one writer.
  package init(
    database: any DatabaseWriter, configuration: Configuration = Configuration(), clock: JobClock = .system,
    writeRunner: @escaping WriteRunner = { try $0() }
  ) {
    self.database = database
    self.writeRunner = writeRunner
    self.configuration = configuration
    self.clock = clock
  }

  // MARK: Schema

  /// Adds the queue's migrations, named `jobs-…`, to those of the database's owner.
  package static func registerMigrations(in migrator: inout DatabaseMigrator) {
    migrator.registerMigration("jobs-1") { db in try db.execute(sql: JobsMigrations.version1) }
    migrator.registerMigration("jobs-2") { db in try db.execute(sql: JobsMigrations.version2) }
    migrator.registerMigration("jobs-3") { db in try db.execute(sql: JobsMigrations.version3) }
  }

  /// Migrates a database that holds nothing but the queue.
  package static func migrate(_ database: any DatabaseWriter) throws {
    var migrator = DatabaseMigrator()
    registerMigrations(in: &migrator)
    try migrator.migrate(database)
  }

  // MARK: Enqueue

  /// What a request asks for, to tell when it is made again.
  package struct Content: Sendable, Hashable {
    /// A digest of the request.
    package var hash: String
    /// Of what it is asked of; rises with every change.
    package var version: Int64

    package init(hash: String, version: Int64) {
      self.hash = hash
      self.version = version
    }
  }

  /// What may be said about a job besides its work.
  package struct Options: Sendable, Hashable {
    /// In ``JobQueue/priorities``; higher goes first.
    package var priority = 0
    /// The job does all but take effect, and waits until then; ``JobQueue/untilReleased`` for a person.
    package var heldUntil: Date?
    /// Who asks, for the record.
    package var requestedBy: String?
    package var content: Content?
    /// The job begins once all of these have completed, and fails when one of them ends otherwise.
    package var after: [Int64] = []

    package init(
      priority: Int = 0, heldUntil: Date? = nil, requestedBy: String? = nil, content: Content? = nil,
      after: [Int64] = []
    ) {
      precondition(JobQueue.priorities.contains(priority))
      self.priority = priority
      self.heldUntil = heldUntil
      self.requestedBy = requestedBy
      self.content = content
      self.after = after
    }
  }

  /// What ``Options/priority`` may be.
  package static let priorities = -100...100
  /// One step of priority is worth so much waiting: a job goes before those that have waited less than that longer
  /// for each step that they are below it, and nothing waits for ever.
  package static let priorityStepMilliseconds: Int64 = 600_000
  /// Holds a job until a person lets it go (the end of the year 9999).
  package static let untilReleased = Date(milliseconds: 253_402_300_799_000)

  /// Adds a job to the caller's transaction; workers hear of it after the commit.
  ///
  /// - Parameters:
  ///   - arguments: JSON, handed to the job unread.
  ///   - attemptsMax: at least 1; the configured default when `nil`.
  ///   - runAt: not claimed before; now when `nil`.
  /// - Returns: the job's id.
  /// - Throws: `JobError.notFound` and `JobError.neededEnded` for jobs that it cannot wait for.
  package func enqueue(
    in db: Database, kind: String, subject: String, arguments: Data = Data("{}".utf8),
    attemptsMax: Int? = nil, runAt: Date? = nil, options: Options = Options()
  ) throws -> Int64 {
    let attemptsMax = attemptsMax ?? configuration.attemptsMaxDefault
    precondition(attemptsMax >= 1, "a job needs at least one attempt")
    let after = Set(options.after).sorted()
    for needed in after { try requireMayComplete(needed, in: db) }
    let now = clock.now()
    try db.run(
      """
      INSERT INTO jobs (kind, subject, arguments, attempts_max, created_at, run_at, priority, held_until,
        requested_by, content_hash, content_version)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
      """,
      arguments: [
        kind, subject, arguments, attemptsMax, now, runAt?.milliseconds ?? now, options.priority,
        options.heldUntil?.milliseconds, options.requestedBy, options.content?.hash, options.content?.version,
      ])
    let id = db.lastInsertedRowID
    // They are older, so nothing ever waits in a circle.
    for needed in after {
      try db.run("INSERT INTO job_needs (job, needed) VALUES (?, ?)", arguments: [id, needed])
    }
    signals.send(changed: id, claimable: true, after: db)
    return id
  }

  /// Adds a job in a transaction of its own.
  package func enqueue(
    kind: String, subject: String, arguments: Data = Data("{}".utf8), attemptsMax: Int? = nil,
    runAt: Date? = nil, options: Options = Options()
  ) throws -> Int64 {
    try write { db in
      try self.enqueue(
        in: db, kind: kind, subject: subject, arguments: arguments, attemptsMax: attemptsMax, runAt: runAt,
        options: options)
    }
  }

  // MARK: Read

  /// - Throws: `JobError.notFound`.
  package func record(_ id: Int64) throws -> JobRecord {
    try database.read { db in try self.record(id, in: db) }
  }

  /// - Throws: `JobError.notFound`.
  package func record(_ id: Int64, in db: Database) throws -> JobRecord {
    guard let row = try db.row("SELECT \(JobRecord.columns) FROM jobs WHERE id = ?", arguments: [id]) else {
      throw JobError.notFound(id: id)
    }
    return try JobRecord(row: row)
  }

  /// The newest jobs first; all states and all subjects where `nil`.
  package func list(state: JobState? = nil, subject: String? = nil, limit: Int = 100) throws -> [JobRecord] {
    try database.read { db in
      try db.rows(
        """
        SELECT \(JobRecord.columns) FROM jobs
        WHERE (:state IS NULL OR state = :state) AND (:subject IS NULL OR subject = :subject)
        ORDER BY id DESC LIMIT :limit
        """,
        arguments: ["state": state?.rawValue, "subject": subject, "limit": limit]
      ).map(JobRecord.init(row:))
    }
  }

  /// The jobs of a subject (of all, where `nil`) that are not in a final state, oldest first.
  package func unfinished(subject: String? = nil) throws -> [JobRecord] {
    try database.read { db in try self.unfinished(subject: subject, in: db) }
  }

  /// The same as the caller's transaction sees it, so that "enqueue unless one is there" is one step.
  package func unfinished(subject: String? = nil, in db: Database) throws -> [JobRecord] {
    try db.rows(
      """
      SELECT \(JobRecord.columns) FROM jobs WHERE (:subject IS NULL OR subject = :subject) AND finished_at IS NULL ORDER BY id
      """,
      arguments: ["subject": subject]
    ).map(JobRecord.init(row:))
  }

  /// The newest job that was enqueued with this digest of its content.
  package func newest(contentHash: String, in db: Database) throws -> JobRecord? {
    try db.row(
      "SELECT \(JobRecord.columns) FROM jobs WHERE content_hash = ? ORDER BY id DESC LIMIT 1",
      arguments: [contentHash]
    ).map(JobRecord.init(row:))
  }

  // MARK: Follow

  /// The ids of jobs as they change, from now on, for one reader. One that lags by more than 1,024 changes
  /// misses the oldest of them.
  package func changes() -> AsyncStream<Int64> {
    signals.changed.subscribe(newest: 1_024)
  }

  /// The states of one job as they come, until it is final.
  package func watch(_ id: Int64) -> JobWatch {
    JobWatch(queue: self, id: id)
  }

  // MARK: Transactions

  func read<T>(_ value: (Database) throws -> T) throws -> T {
    try database.read(value)
  }

  func write<T>(_ updates: (Database) throws -> T) throws -> T {
    var value: T?
    try writeRunner { value = try database.write(updates) }
    return value!
  }

  /// A transaction that blocks no thread while it waits for the writer, and that goes through even when the
  /// calling task is cancelled: what a worker has to say at the end of a cancelled job must be said.
  func writeUncancelled<T: Sendable>(_ updates: @escaping @Sendable (Database) throws -> T) async throws -> T
  {
    try await withCheckedThrowingContinuation { continuation in
      database.asyncWrite(updates) { _, result in continuation.resume(with: result) }
    }
  }
}
