import Foundation
import GRDB
import MoultModel
import MoultTesting
import Testing

@testable import MoultStorage

@Suite("Parts of payloads")
struct PayloadPartsTests {
  private static func data(_ random: inout SeededGenerator) -> Data {
    Data((0..<Int.random(in: 0..<40, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) })
  }

  @Test("what is put together is taken apart again", arguments: 1...200 as ClosedRange<UInt64>)
  func joining(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let numbers = Set(
      (0..<Int.random(in: 1...4, using: &random)).map { _ in Int.random(in: 0..<20, using: &random) })
    let parts = numbers.sorted().map { PayloadParts.Part(number: $0, bytes: Self.data(&random)) }
    let plain = ["", #"{"a":1}"#, #"{"$vectors":{},"b":"}\""}"#, "{\"é\": [1, 2] }"].randomElement(
      using: &random)!
    let whole = PayloadParts(plain: plain, parts: parts)
    #expect(PayloadParts(whole.payload) == whole)
    try JSONText.validateObject(whole.payload)
  }

  @Test(
    "a payload of any other form stays what it is",
    arguments: [
      "", "{}", #"{"a":1}"#, #"{"$vectors":{}}"#, #"{"$vectors":{"0":1}}"#, #"{ "$vectors":{"0":"AAAA"}}"#,
      #"{"$vectors":{"0":"AAAA"} }"#, #"{"$vectors":{"00":"AAAA"}}"#, #"{"$vectors":{"-1":"AAAA"}}"#,
      #"{"$vectors":{"1":"AAAA","0":"AAAA"}}"#, #"{"$vectors":{"0":"AAAA","0":"AAAA"}}"#,
      // Bits behind the end, and no padding: another text says the same.
      #"{"$vectors":{"0":"AAB="}}"#, #"{"$vectors":{"0":"AAA"}}"#, #"{"$vectors":{"1234567":"AAAA"}}"#,
      #"{"$vectors":{"0":"AA\/A"}}"#, #"{"a":1,"$vectors":{"0":"AAAA"}}"#, #"{"$vectors":{"0":"AAAA""#,
    ])
  func otherForms(payload: String) throws {
    #expect(PayloadParts(payload) == nil)
  }

  // MARK: In the store

  private func version(_ directory: DataDirectory) throws -> String? {
    try directory.read {
      try String.fetchOne($0, sql: "SELECT value FROM meta WHERE name = 'format_version'")
    }
  }

  @Test(
    "behave like a dictionary over random batches, and die with their points",
    arguments: 1...8 as ClosedRange<UInt64>)
  func model(seed: UInt64) throws {
    try withStore { store, directory in
      var random = SeededGenerator(seed: seed)
      var model: [Int64: String] = [:]
      var (row, sequence) = (Int64(0), Int64(1))
      for _ in 0..<40 {
        let ids = Array(
          Set(
            (0..<Int.random(in: 1...6, using: &random)).map { _ in Int64.random(in: 0..<12, using: &random) })
        )
        if Int.random(in: 0..<4, using: &random) == 0 {
          _ = try directory.write {
            try store.delete(ids: ids.map { .int64($0) }, sequence: sequence, in: $0)
          }
          for id in ids { model[id] = nil }
        } else {
          let payloads = ids.map { id -> String in
            let plain = ["", #"{"n":\#(id)}"#].randomElement(using: &random)!
            guard Bool.random(using: &random) else { return plain }
            let parts = [0, 3].filter { _ in Bool.random(using: &random) }
              .map { PayloadParts.Part(number: $0, bytes: Self.data(&random)) }
            return parts.isEmpty ? plain : PayloadParts(plain: plain, parts: parts).payload
          }
          _ = try directory.write {
            try store.insert(
              firstRow: row, ids: ids.map { .int64($0) }, payloads: payloads, sequence: sequence,
              replaceExisting: true, in: $0)
          }
          for (id, payload) in zip(ids, payloads) { model[id] = payload }
          row += Int64(ids.count)
        }
        sequence += 1
      }
      try directory.read { db in
        let whole = try store.scanLiveWithParts(afterRow: -1, limit: 100, in: db)
        #expect(whole.count == model.count)
        for point in whole {
          guard case .int64(let id) = point.id else { continue }
          #expect(point.payload ?? "" == model[id], "seed \(seed)")
        }
        // Filters, and reads that do not ask for them, see none.
        for point in try store.scanLive(afterRow: -1, limit: 100, payloads: true, in: db) {
          #expect(point.payload?.contains("$vectors") != true)
        }
        let split = model.mapValues { PayloadParts($0) }
        for number in [0, 3] {
          let expected = split.compactMapValues { $0?.parts.first { $0.number == number }?.bytes }
          var found: [Int64: Data] = [:]
          try store.eachPart(number: number, matching: nil, in: db) { row, data in
            found[row] = data
            return true
          }
          let ids = try store.points(rows: found.keys, payloads: false, in: db).mapValues(\.id)
          #expect(
            Dictionary(uniqueKeysWithValues: found.map { (ids[$0]!, $1) })
              == Dictionary(uniqueKeysWithValues: expected.map { (PointID.int64($0), $1) }))
          #expect(try store.partCount(number: number, in: db) == expected.count)
          let some = Set(model.keys.filter { $0 < 6 }.map(PointID.int64))
          var count = 0
          try store.eachPart(number: number, matching: .ids(some), in: db) { _, _ in
            count += 1
            return true
          }
          #expect(count == expected.keys.filter { $0 < 6 }.count)
        }
      }
    }
  }

  @Test("the directory is of another version from the first of them on, and goes through a backup")
  func versionAndBackup() throws {
    try withStore { store, directory in
      #expect(try version(directory) == "6")
      let payload = PayloadParts(plain: "", parts: [.init(number: 2, bytes: Data([1, 2, 3]))]).payload
      try directory.write { db in
        _ = try store.insert(
          firstRow: 0, ids: [.int64(1), .int64(2)], payloads: [payload, #"{"a":1}"#], sequence: 1,
          replaceExisting: true, in: db)
      }
      #expect(try version(directory) == "7")
      let points = try directory.read { try store.backup(afterRow: -1, bytes: 1 << 20, in: $0) }
      #expect(points.map(\.payload) == [payload, #"{"a":1}"#])
      let other = try makeStore(in: directory, name: "d")
      try directory.write { try other.restore(points, in: $0) }
      let found = try directory.read { try other.scanLiveWithParts(afterRow: -1, limit: 9, in: $0) }
      #expect(found.map(\.payload) == [payload, #"{"a":1}"#])
      // An empty payload is none, as where it was written.
      let plain = try directory.read { try other.scanLive(afterRow: -1, limit: 9, payloads: true, in: $0) }
      #expect(plain.map(\.payload) == [nil, #"{"a":1}"#])
      try directory.write { try other.dropTable(in: $0) }
      #expect(try directory.read { try !other.hasParts(in: $0) && store.hasParts(in: $0) })
    }
  }

  @Test("a page of points ends where its parts become too many, behind the first at the earliest")
  func pages() throws {
    try withStore { store, directory in
      let payload = PayloadParts(plain: "", parts: [.init(number: 0, bytes: Data(repeating: 7, count: 100))])
        .payload
      let ids = (0..<10).map { PointID.int64($0) }
      try directory.write { db in
        _ = try store.insert(
          firstRow: 0, ids: ids, payloads: ids.map { _ in payload }, sequence: 1, replaceExisting: true,
          in: db)
      }
      for (first, bytes, expected) in [(0, 1_000, 10), (0, 999, 9), (0, 1, 1), (3, 250, 2)] {
        let count = try directory.read { try store.prefix(ids[first...], partBytes: bytes, in: $0) }
        #expect(count == expected)
      }
      #expect(try directory.write { try store.deleteParts(number: 0, limit: 7, in: $0) } == 7)
      #expect(try directory.write { try store.deleteParts(number: 0, limit: 7, in: $0) } == 3)
      #expect(try directory.read { try store.partCount(number: 0, in: $0) } == 0)
    }
  }
}
