internal import Foundation
internal import MoultBenchmark
internal import MoultModel
internal import MoultServer
internal import NIOCore
internal import NIOHTTP1
internal import Synchronization

/// Durable inserts over HTTP, in batches that are there before the clock starts.
struct IngestBenchmark {
  /// How points are put on the wire.
  enum Wire: String, CaseIterable, LosslessStringConvertible {
    /// Binary, as `moult import` sends them.
    case frame
    /// The admin API's JSON.
    case json
    /// Milvus' JSON: `/v2/vectordb/entities/insert`.
    case milvus

    init?(_ description: String) { self.init(rawValue: description) }
    var description: String { rawValue }
  }

  struct Result: Sendable {
    var seconds: Double
    var latency: LatencySummary
    /// Processor time of the server meanwhile; `nil` for one that is not ours.
    var processorSeconds: Double?
    /// Of all bodies.
    var bodyBytes: Int
    /// Bytes of JSON that one thread reads in a second, the reader alone; `nil` for a binary wire.
    var parsedPerSecond: Double?
  }

  /// What the clients share.
  private final class Progress: Sendable {
    /// The next body.
    let next = Atomic<Int>(0)
    /// Of each answer.
    let seconds = Mutex<[Double]>([])
  }

  let client: AdminClient
  let data: BenchmarkData
  let collection: String
  let batchRows: Int
  let clientCount: Int

  /// JSON is read so often, and the fastest time counts.
  private static let parseRounds = 3
  private static let parsedBodiesMax = 10

  /// Makes the collection and writes all rows; they are durable when this returns.
  ///
  /// - Parameter server: tells its processor time.
  func run(_ wire: Wire, server: ServerProcess?) async throws -> Result {
    if try await client.collectionIfPresent(collection) != nil { try await client.dropCollection(collection) }
    _ = try await client.createCollection(
      CreateCollectionRequest(
        name: collection, dimension: data.dimension, metric: data.metric, keyKind: .int64,
        elementType: .float32))
    let bodies = stride(from: 0, to: data.rowCount, by: batchRows).map {
      body($0..<min($0 + batchRows, data.rowCount), wire)
    }
    let progress = Progress()
    let clock = ContinuousClock()
    let processorBefore = server?.processorSeconds
    let start = clock.now
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<clientCount {
        group.addTask {
          while case let place = progress.next.wrappingAdd(1, ordering: .relaxed).oldValue,
            place < bodies.count
          {
            let begun = clock.now
            try await send(bodies[place], wire)
            let taken = (clock.now - begun).inSeconds
            progress.seconds.withLock { $0.append(taken) }
          }
        }
      }
      try await group.waitForAll()
    }
    let taken = (clock.now - start).inSeconds
    let processorAfter = server?.processorSeconds
    return Result(
      seconds: taken,
      latency: LatencySummary(seconds: progress.seconds.withLock { $0 }),
      processorSeconds: processorBefore.flatMap { before in processorAfter.map { $0 - before } },
      bodyBytes: bodies.reduce(0) { $0 + $1.readableBytes },
      parsedPerSecond: wire == .frame ? nil : try Self.parsedPerSecond(bodies))
  }

  private func body(_ rows: Range<Int>, _ wire: Wire) -> ByteBuffer {
    let dimension = data.dimension
    func vector(_ row: Int) -> ArraySlice<Float> { data.vectors[row * dimension..<(row + 1) * dimension] }
    guard wire != .frame else {
      return PointFrame(
        PointBatch(
          ids: rows.map { .int64(Int64($0)) },
          vectors: Array(data.vectors[rows.lowerBound * dimension..<rows.upperBound * dimension]),
          dimension: dimension)
      ).encode()
    }
    var json = JSONWriter(capacity: rows.count * dimension * 12)
    json.beginObject()
    if wire == .milvus { json.member("collectionName", collection) }
    json.key(wire == .milvus ? "data" : "points")
    json.beginArray()
    for row in rows {
      json.beginObject()
      json.member("id", row)
      json.key("vector")
      json.value(vector(row))
      json.endObject()
    }
    json.endArray()
    json.endObject()
    return ByteBuffer(bytes: json.bytes)
  }

  private func send(_ body: ByteBuffer, _ wire: Wire) async throws {
    switch wire {
    case .frame, .json:
      _ = try await client.send(
        .POST, AdminClient.path(collection) + "/points", query: [("mode", "insert")],
        body: (body, wire == .frame ? PointFrame.mediaType : "application/json"), timeout: .seconds(600))
    case .milvus:
      // Milvus answers errors with 200 and a code.
      struct Outcome: Decodable {
        var code: Int
        var message: String?
      }
      let answer = try await client.send(
        .POST, "/v2/vectordb/entities/insert", body: (body, "application/json"), timeout: .seconds(600))
      let outcome: Outcome = try client.decode(answer)
      guard outcome.code == 0 else {
        throw CommandFailure(
          .failure, "an insert was refused: \(outcome.message ?? "") (\(outcome.code))")
      }
    }
  }

  private static func parsedPerSecond(_ bodies: [ByteBuffer]) throws -> Double {
    let bodies = bodies.prefix(parsedBodiesMax)
    let bytes = bodies.reduce(0) { $0 + $1.readableBytes }
    let seconds = try (0..<parseRounds).map { _ in
      // The thread's own time: whatever else the machine does is no part of it.
      let start = threadSeconds
      for body in bodies { _ = try body.json(floatKeys: ["vector"]) }
      return threadSeconds - start
    }
    return Double(bytes) / seconds.min()!
  }

  private static var threadSeconds: Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }
}
