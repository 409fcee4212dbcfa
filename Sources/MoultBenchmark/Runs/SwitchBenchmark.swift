internal import Foundation
package import Logging
package import MoultEngine
package import MoultModel

/// Switches of a live collection, from request to swap, with an engine of its own in a temporary directory.
///
/// A line for the import and one for each switch, whose recall is that of the job's own report. Checksums are
/// of the ids that the queries find after it: exactly after the import, by the new codes after a switch.
package enum SwitchBenchmark {
  package struct Plan: Sendable {
    /// Forms to switch to before the one that is asked for.
    package var through: [EncodingSpecification]
    /// Queries that the recall gate verifies with; `nil` takes all.
    package var gateQueryCount: Int?
    /// Clients that search meanwhile; 0 leaves the engine to the switches.
    package var clientCount: Int
    /// Of each switch.
    package var limits: JobLimits

    package init(
      through: [EncodingSpecification] = [], gateQueryCount: Int? = nil, clientCount: Int = 0,
      limits: JobLimits = JobLimits()
    ) {
      self.limits = limits
      self.through = through
      self.gateQueryCount = gateQueryCount
      self.clientCount = clientCount
    }
  }

  /// - Parameters:
  ///   - directory: an empty folder for the engine's data; the caller removes it.
  ///   - background: runs the engine's services while `body` runs.
  package static func run(
    _ data: BenchmarkData, _ options: BenchmarkOptions, _ plan: Plan = Plan(), directory: String,
    logger: Logger, _ sink: RecordSink,
    background: (Engine, @Sendable @escaping () async throws -> [BenchmarkRecord]) async throws ->
      [BenchmarkRecord]
  ) async throws {
    let engine = try await Engine.open(
      EngineConfiguration(
        dataDirectory: directory, computeThreads: options.threads, device: options.device), logger: logger)
    do {
      let importing = try await fill(engine, data, options)
      try sink(importing)
      let forms = plan.through + [options.specification]
      let records = try await background(engine) {
        var records: [BenchmarkRecord] = []
        for (place, form) in forms.enumerated() {
          var options = options
          options.specification = form
          records.append(
            try await measure(
              engine, data, options, plan, from: place == 0 ? EncodingSpecification() : forms[place - 1]))
        }
        return records
      }
      for record in records { try sink(record) }
      await engine.close()
    } catch {
      await engine.close()
      throw error
    }
  }

  /// Fills a directory with a collection "bench" in the form of the options.
  package static func prepare(
    _ data: BenchmarkData, _ options: BenchmarkOptions, directory: String, logger: Logger,
    background: (Engine, @Sendable @escaping () async throws -> [BenchmarkRecord]) async throws ->
      [BenchmarkRecord]
  ) async throws {
    try await run(data, options, directory: directory, logger: logger, { _ in }, background: background)
  }

  private static func measure(
    _ engine: Engine, _ data: BenchmarkData, _ options: BenchmarkOptions, _ plan: Plan,
    from before: EncodingSpecification
  ) async throws -> BenchmarkRecord {
    let load = SearchLoad(
      engine: engine, collection: "bench", data: data, k: options.k, clientCount: plan.clientCount)
    // What earlier switches have freed and the allocator kept would hide what this one takes. Before the idle searches,
    // since memory has to be fetched anew afterwards.
    MemoryUse.trim()
    let idle =
      plan.clientCount == 0
      ? nil : try await load.during { try await Task.sleep(for: .seconds(options.secondsMin)) }.outcome
    let gateQueries = Array(data.queries.prefix((plan.gateQueryCount ?? data.queryCount) * data.dimension))
    let request = SwitchRequest(
      specification: options.specification,
      gate: RecallGateRequest(
        minimumRecall: 0, k: options.k, queries: gateQueries, dimension: data.dimension),
      limits: plan.limits)
    let resident = MemoryUse.resetPeak() ? MemoryUse.current?.resident : nil
    let (job, during) = try await load.during {
      var job = try await engine.startSwitch("bench", request)
      while !job.state.isFinal {
        job = try await engine.waitForJob(job.id, changedSince: job, seconds: 1)
      }
      return job
    }
    let peak = MemoryUse.current?.peak
    guard let report = job.report, job.state == .completed else {
      throw MoultError(
        .internalError,
        "the switch to \(CodeName(options.specification)) ended \(job.state.rawValue): \(job.error ?? "no reason")"
      )
    }
    var record = record(of: report, data, options)
    record.switchedFrom = CodeName(before).description
    if let resident, let peak {
      let written = data.rowCount * (options.specification.isIdentity ? 0 : report.bytesPerVectorAfter)
      record.extraMb = (10 * Double(peak - resident - written) / 1_048_576).rounded() / 10
      record.note! += "; extra: the peak of resident memory less that before and less the new codes"
    }
    if let idle {
      record.clients = plan.clientCount
      record.requests = during.seconds.count
      (record.p50Ms, record.p99Ms) = (during.p50Milliseconds, during.p99Milliseconds)
      record.maxMs = during.maxMilliseconds
      record.idleRequests = idle.seconds.count
      (record.idleP50Ms, record.idleP99Ms) = (idle.p50Milliseconds, idle.p99Milliseconds)
      record.idleMaxMs = idle.maxMilliseconds
      (record.failed, record.stale) = (during.failed, during.stale)
    }
    record.checksum = try await checksum(engine, data, options, exact: false)
    return record
  }

  private static func fill(
    _ engine: Engine, _ data: BenchmarkData, _ options: BenchmarkOptions
  ) async throws -> BenchmarkRecord {
    _ = try await engine.createCollection(
      "bench", schema: CollectionSchema(dimension: data.dimension, metric: data.metric))
    let batch = options.batch ?? 2000
    let clock = ContinuousClock()
    let start = clock.now
    for first in stride(from: 0, to: data.rowCount, by: batch) {
      let rows = first..<min(first + batch, data.rowCount)
      _ = try await engine.write(
        PointBatch(
          ids: rows.map { .int64(Int64($0)) },
          vectors: Array(data.vectors[rows.lowerBound * data.dimension..<rows.upperBound * data.dimension]),
          dimension: data.dimension),
        to: "bench", mode: .upsert)
    }
    let seconds = Stopwatch.seconds(from: start, to: clock.now)
    var record = data.record("write", EncodingSpecification(), threads: options.threads)
    record.batch = batch
    record.seconds = seconds
    record.rowsPerS = Double(data.rowCount) / seconds
    record.k = options.k
    record.checksum = try await checksum(engine, data, options, exact: true)
    return record
  }

  private static func checksum(
    _ engine: Engine, _ data: BenchmarkData, _ options: BenchmarkOptions, exact: Bool
  ) async throws -> String {
    let request = SearchRequest(
      queries: data.queries, dimension: data.dimension, limit: options.k, exact: exact)
    return Checksum.of(ids: try await engine.search(request, in: "bench").hits.map { $0.map(\.id) })
  }

  private static func record(
    of report: SwitchReport, _ data: BenchmarkData, _ options: BenchmarkOptions
  ) -> BenchmarkRecord {
    var record = data.record("switch", options.specification, threads: options.threads)
    record.seconds = report.totalSeconds
    record.rowsPerS = Double(report.rows) / report.totalSeconds
    record.bytesPerVector = report.bytesPerVectorAfter
    if let policy = report.rescoring {
      record.targetRecall = policy.targetRecall
      record.evaluations = (100 * policy.meanEvaluations).rounded() / 100
    } else {
      record.oversampling = options.specification.effectiveOversampling
    }
    if let recall = report.recallAfter {
      record.set(recall)
      record.queryCount = recall.queryCount
    }
    record.graph = report.graph?.kind.rawValue
    record.note =
      "train \(milliseconds(report.trainSeconds)), encode \(milliseconds(report.encodeSeconds)), "
      + "index \(milliseconds(report.indexSeconds)), verify \(milliseconds(report.verifySeconds)), "
      + "writers waited \(milliseconds(report.writersPausedSeconds))"
    return record
  }

  private static func milliseconds(_ seconds: Double) -> String {
    String(format: "%.1f ms", seconds * 1000)
  }
}
