import GRDB
import MoultModel
import MoultTesting
import Testing

@testable import MoultStorage

@Suite("PointStore")
struct PointStoreTests {
  @Test(
    "behaves like a dictionary over random batches",
    arguments: CollectionSchema.KeyKind.allCases, [1, 2, 3, 4] as [UInt64])
  func model(keyKind: CollectionSchema.KeyKind, seed: UInt64) throws {
    try withStore(keyKind) { store, directory in
      var random = SeededGenerator(seed: seed)
      var model = PointModel()
      for _ in 0..<120 {
        let ids = randomIDs(keyKind, &random)
        let payloads =
          Bool.random(using: &random) ? [] : ids.map { "{\"of\":\"\($0)\",\"é\":\(model.nextRow)}" }
        switch Int.random(in: 0..<4, using: &random) {
        case 0:
          let died = try directory.write { try store.delete(ids: ids, sequence: model.sequence, in: $0) }
          #expect(died == model.delete(ids), "seed \(seed)")
        case 1:
          let expected = model.live.keys.contains(where: ids.contains)
          let failure = code {
            try directory.write { db in
              let died = try store.insert(
                firstRow: model.nextRow, ids: ids, payloads: payloads, sequence: model.sequence,
                replaceExisting: false, in: db)
              #expect(died.isEmpty)
            }
          }
          #expect(failure == (expected ? .pointExists : nil), "seed \(seed)")
          if !expected { _ = model.upsert(ids, payloads) }
        default:
          let died = try directory.write {
            try store.insert(
              firstRow: model.nextRow, ids: ids, payloads: payloads, sequence: model.sequence,
              replaceExisting: true, in: $0)
          }
          #expect(died == model.upsert(ids, payloads), "seed \(seed)")
        }
      }
      try directory.read { try compare(store, model, &random, $0, seed) }
    }
  }

  private func randomIDs(_ keyKind: CollectionSchema.KeyKind, _ random: inout SeededGenerator) -> [PointID] {
    let pool = (0..<200).shuffled(using: &random).prefix(.random(in: 1...12, using: &random))
    return pool.map { number in
      switch keyKind {
      case .int64: .int64([Int64.min, .max, -1, 0][safe: number] ?? Int64(number) &* 7_919)
      case .string: .string(["", "é", "日本", "a b\n'\"%"][safe: number] ?? "id-\(number)")
      case .mixed: number % 2 == 0 ? .int64(Int64(number - 100)) : .string("#\(number)")
      }
    }
  }

  private func compare(
    _ store: PointStore, _ model: PointModel, _ random: inout SeededGenerator, _ db: Database, _ seed: UInt64
  ) throws {
    let comment: Comment = "seed \(seed)"
    #expect(try store.liveCount(in: db) == model.live.count, comment)
    #expect(try store.rows(ids: Array(model.ids), in: db) == model.live, comment)

    let all = try store.points(rows: -1...model.nextRow, payloads: true, in: db)
    #expect(all == model.points, comment)

    var live: [StoredPoint] = []
    var after: Int64 = -1
    while true {
      let page = try store.scanLive(afterRow: after, limit: 7, payloads: true, in: db)
      guard let last = page.last else { break }
      live += page
      after = last.row
    }
    #expect(live == model.live.values.sorted().map { model.points[$0]! }, comment)

    var byKey: [StoredPoint] = []
    while true {
      let page = try store.scanLiveByKey(after: byKey.last?.id, limit: 5, payloads: false, in: db)
      if page.isEmpty { break }
      byKey += page
    }
    #expect(byKey.map(\.id) == model.live.keys.sorted(), comment)
    #expect(byKey.allSatisfy { $0.payload == nil && model.live[$0.id] == $0.row }, comment)

    for _ in 0..<10 {
      let from = Int64.random(in: 0...model.sequence, using: &random)
      let through = Int64.random(in: from...model.sequence, using: &random)
      let expected = model.tombstones.filter { $0.sequence > from && $0.sequence <= through }
        .sorted { ($0.sequence, $0.row) < ($1.sequence, $1.row) }
      #expect(
        try store.died(afterSequence: from, throughSequence: through, in: db) == expected, comment)
      let rows = Int64.random(in: 0...model.nextRow, using: &random)
      let end = Int64.random(in: rows...model.nextRow, using: &random)
      #expect(
        try store.deadRows(from: rows, to: end, in: db)
          == model.tombstones.map(\.row).filter { $0 >= rows && $0 < end }.sorted(), comment)
    }
  }

  @Test("an insert of what exists names the id and changes nothing")
  func exists() throws {
    try withStore(.string) { store, directory in
      func insert(_ ids: [String], row: Int64) throws {
        _ = try directory.write { db in
          try store.insert(
            firstRow: row, ids: ids.map(PointID.string), sequence: row, replaceExisting: false, in: db)
        }
      }
      try insert(["a", "b"], row: 0)
      #expect(message { try insert(["c", "b"], row: 2) }.contains("point b already"))
      #expect(try directory.read { try store.rows(ids: [.string("c")], in: $0) } == [:])
      #expect(try directory.read { try store.liveCount(in: $0) } == 2)
    }
  }

  @Test("ids of the wrong kind are refused when stored and absent when looked for")
  func wrongKind() throws {
    for (kind, id) in [
      (CollectionSchema.KeyKind.int64, PointID.string("1")), (.string, .int64(1)), (.string, .string("a\0b")),
    ] {
      try withStore(kind) { store, directory in
        let failure = code {
          _ = try directory.write {
            try store.insert(firstRow: 0, ids: [id], sequence: 1, replaceExisting: true, in: $0)
          }
        }
        #expect(failure == .invalidArgument)
        let died = try directory.write { try store.delete(ids: [id], sequence: 1, in: $0) }
        let rows = try directory.read { try store.rows(ids: [id], in: $0) }
        #expect(died == [] && rows == [:])
      }
    }
  }

  @Test("ids are told apart by their bytes, not by how they look")
  func normalization() throws {
    try withStore(.string) { store, directory in
      let composed = PointID.string("\u{E9}")
      let decomposed = PointID.string("e\u{301}")
      let points = try directory.write { db in
        let died = try store.insert(
          firstRow: 0, ids: [composed, decomposed], sequence: 1, replaceExisting: true, in: db)
        #expect(died == [])
        return try store.scanLiveByKey(after: nil, limit: 10, payloads: false, in: db)
      }
      #expect(points.map(\.row) == [1, 0])
      #expect(points.map { Array($0.id.description.utf8) } == [[0x65, 0xCC, 0x81], [0xC3, 0xA9]])
    }
  }

  @Test("purging drops payloads of the dead only, in portions")
  func purge() throws {
    try withStore(.int64) { store, directory in
      try directory.write { db in
        let ids = (0..<10).map { PointID.int64($0) }
        let payloads = ids.map { "{\"n\":\($0)}" }
        _ = try store.insert(
          firstRow: 0, ids: ids, payloads: payloads, sequence: 1, replaceExisting: true, in: db)
        _ = try store.delete(ids: Array(ids[..<5]), sequence: 2, in: db)
        _ = try store.delete(ids: [ids[5]], sequence: 3, in: db)
        #expect(try store.purgeDeadPayloads(throughSequence: 2, limit: 3, in: db) == 3)
        #expect(try store.purgeDeadPayloads(throughSequence: 2, limit: 3, in: db) == 2)
        #expect(try store.purgeDeadPayloads(throughSequence: 2, limit: 3, in: db) == 0)
        let points = try store.points(rows: 0..<10, payloads: true, in: db)
        #expect((0..<10).map { points[$0]?.payload != nil } == (0..<10).map { $0 >= 5 })
        #expect(try store.deadRows(from: 0, to: 10, in: db) == Array(0..<6))
      }
    }
  }

  @Test("a reader that outlives its collection is told so")
  func dropped() throws {
    try withStore(.int64) { store, directory in
      _ = try directory.write { try directory.catalog.deleteCollection(store.collectionID, in: $0) }
      #expect(code { _ = try directory.read { try store.liveCount(in: $0) } } == .collectionNotFound)
    }
  }
}

/// What `PointStore` should hold.
private struct PointModel {
  var nextRow: Int64 = 0
  var sequence: Int64 = 1
  var live: [PointID: Int64] = [:]
  var ids: Set<PointID> = []
  var points: [Int64: StoredPoint] = [:]
  var tombstones: [Tombstone] = []

  mutating func upsert(_ ids: [PointID], _ payloads: [String]) -> [Int64] {
    let died = kill(ids)
    for (offset, id) in ids.enumerated() {
      let payload = payloads.isEmpty ? nil : payloads[offset]
      points[nextRow] = StoredPoint(row: nextRow, id: id, payload: payload)
      live[id] = nextRow
      self.ids.insert(id)
      nextRow += 1
    }
    sequence += 1
    return died
  }

  mutating func delete(_ ids: [PointID]) -> [Int64] {
    let died = kill(ids)
    sequence += 1
    return died
  }

  private mutating func kill(_ ids: [PointID]) -> [Int64] {
    ids.compactMap { id in
      guard let row = live.removeValue(forKey: id) else { return nil }
      tombstones.append(Tombstone(row: row, id: id, sequence: sequence))
      return row
    }
  }
}

extension Array {
  fileprivate subscript(safe index: Int) -> Element? { indices.contains(index) ? self[index] : nil }
}
