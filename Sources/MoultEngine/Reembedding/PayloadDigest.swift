import Crypto
import Foundation
import MoultModel
import MoultStorage

/// Of ids and payloads of points, in no order: 128 bits of SHA-256 of each, added up (the sum of AdHash, Bellare and
/// Micciancio 1997). A point that is missing, is there twice or has another payload gives another sum.
struct PayloadDigest: Sendable, Equatable {
  private(set) var points = 0
  private var sum: UInt128 = 0

  mutating func add(_ point: StoredPoint) {
    sum &+= Self.hash(point)
    points += 1
  }

  mutating func remove(_ point: StoredPoint) {
    sum &-= Self.hash(point)
    points -= 1
  }

  /// 32 hexadecimal digits.
  var text: String {
    let digits = String(sum, radix: 16)
    return String(repeating: "0", count: 32 - digits.count) + digits
  }

  private static func hash(_ point: StoredPoint) -> UInt128 {
    var hash = SHA256()
    switch point.id {
    case .int64(let number):
      withUnsafeBytes(of: number.littleEndian) {
        hash.update(data: [1])
        hash.update(bufferPointer: $0)
      }
    case .string(var text):
      text.withUTF8 {
        hash.update(data: [2])
        hash.update(bufferPointer: UnsafeRawBufferPointer($0))
      }
    }
    // Stands in no id. No payload and an empty one are the same, and vectors of texts are not the writer's.
    hash.update(data: [0])
    var payload = TextVector.plain(point.payload ?? "")
    if payload == "{}" { payload = "" }
    payload.withUTF8 { hash.update(bufferPointer: UnsafeRawBufferPointer($0)) }
    return hash.finalize().prefix(16).reduce(0) { $0 << 8 | UInt128($1) }
  }
}

/// The digest of a collection at a moment that two numbers name, moved on from moment to moment by what has changed.
struct FollowingDigest: Sendable {
  private static let pagePoints = 2_000

  let collection: Collection
  /// Points that count for nothing, by their payload.
  let isLeftOut: @Sendable (StoredPoint) -> Bool
  private(set) var digest = PayloadDigest()
  /// Rows up to here are in it.
  private(set) var row: Int64 = -1
  /// The last batch that is.
  private(set) var sequence: Int64 = 0

  init(_ collection: Collection, isLeftOut: @escaping @Sendable (StoredPoint) -> Bool = { _ in false }) {
    self.collection = collection
    self.isLeftOut = isLeftOut
  }

  /// Moves on to the state that the collection has, or had, after the batch `sequence` in rows up to `row`.
  ///
  /// - Parameter page: called after each page, with its points.
  /// - Complexity: reads what was written and deleted since; everything the first time.
  mutating func advance(
    toRow row: Int64, sequence: Int64, in directory: DataDirectory, page: (Int) throws -> Void
  ) throws {
    let store = collection.points
    if self.row >= 0 {
      let gone = try directory.read { [self] db in
        let rows = try store.died(afterSequence: self.sequence, throughSequence: sequence, in: db)
          .map(\.row).filter { $0 <= self.row }
        return try store.points(rows: rows, payloads: true, in: db)
      }
      for point in gone.values where !isLeftOut(point) { digest.remove(point) }
    }
    while self.row < row {
      let points = try directory.read { [self] db in
        try store.scan(
          afterRow: self.row, throughRow: row, aliveAfter: sequence, limit: Self.pagePoints, in: db)
      }
      for point in points where !isLeftOut(point) { digest.add(point) }
      self.row = points.count == Self.pagePoints ? points.last!.row : row
      try page(points.count)
    }
    self.sequence = sequence
  }
}
