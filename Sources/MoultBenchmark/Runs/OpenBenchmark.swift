internal import Foundation
package import Logging
internal import MoultEngine
internal import MoultModel

/// How long a data directory takes to open, and the first search after it, which compares the checksums of what it reads.
///
/// A line with the files in the page cache, the best of several rounds, and one without.
package enum OpenBenchmark {
  package static let collection = "bench"
  private static let rounds = 3
  /// Searches after the first, whose median is told.
  private static let laterSearches = 200

  /// Opens, searches and closes.
  ///
  /// - Parameter directory: as ``SwitchBenchmark/prepare(_:_:directory:logger:background:)`` leaves it.
  package static func run(
    _ data: BenchmarkData, _ options: BenchmarkOptions, directory: String, logger: Logger, _ sink: RecordSink
  ) async throws {
    var best: BenchmarkRecord?
    for _ in 0..<rounds {
      let record = try await measure(data, options, directory: directory, logger: logger)
      if record.seconds! < best?.seconds ?? .infinity { best = record }
    }
    best!.note = "files in the page cache; " + best!.note!
    try sink(best!)
    try forgetPages(of: directory)
    var cold = try await measure(data, options, directory: directory, logger: logger)
    cold.note = "files not in the page cache; " + cold.note!
    try sink(cold)
  }

  private static func measure(
    _ data: BenchmarkData, _ options: BenchmarkOptions, directory: String, logger: Logger
  ) async throws -> BenchmarkRecord {
    let clock = ContinuousClock()
    let start = clock.now
    let engine = try await Engine.open(
      EngineConfiguration(
        dataDirectory: directory, computeThreads: options.threads, device: options.device), logger: logger)
    let opened = clock.now
    do {
      var searches: [Double] = []
      var ids: [[PointID]] = []
      for query in 0...laterSearches {
        let first = query % data.queryCount * data.dimension
        let request = SearchRequest(
          queries: Array(data.queries[first..<first + data.dimension]), dimension: data.dimension,
          limit: options.k)
        let begun = clock.now
        ids.append(try await engine.search(request, in: collection).hits[0].map(\.id))
        searches.append(Stopwatch.seconds(from: begun, to: clock.now))
      }
      let info = try engine.describeCollection(collection)
      await engine.close()
      var record = BenchmarkRecord(
        benchmark: "open", dataset: data.name, rows: info.count, dimension: data.dimension,
        metric: data.metric,
        specification: info.generation.specification, threads: options.threads)
      record.seconds = Stopwatch.seconds(from: start, to: opened)
      record.firstSearchMs = searches[0] * 1000
      record.p50Ms = searches.dropFirst().sorted()[laterSearches / 2] * 1000
      record.k = options.k
      record.bytesPerVector = info.generation.bytesPerVector
      record.checksum = Checksum.of(ids: ids)
      record.note =
        "the first search compares the checksums of all files that it reads; p50 of the \(laterSearches) after it"
      return record
    } catch {
      await engine.close()
      throw error
    }
  }

  /// Lets the system drop the files' pages, which nothing maps now.
  private static func forgetPages(of directory: String) throws {
    let manager = FileManager.default
    for name in manager.enumerator(atPath: directory)?.compactMap({ $0 as? String }) ?? [] {
      let descriptor = open("\(directory)/\(name)", O_RDONLY | O_CLOEXEC)
      guard descriptor >= 0 else { continue }
      defer { close(descriptor) }
      _ = fsync(descriptor)
      _ = posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED)
    }
  }
}
