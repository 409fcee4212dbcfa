import Foundation
import MoultCompute
import MoultModel
import MoultTesting
import Testing

@testable import MoultEngine

/// Sparse vectors, bits and words in payloads, beside brute force over a dictionary of the same.
@Suite("Search of payload fields")
struct PayloadSearchTests {
  private static let words = ["amber", "birch", "cedar", "dune", "ember", "fjord", "grove", "heath"]

  private struct Stored {
    var sparse: SparseVector?
    var bits: [UInt8]
    var text: String
  }

  private func stored(_ random: inout SeededGenerator) throws -> Stored {
    let entries = Set(
      (0..<Int.random(in: 1...6, using: &random)).map { _ in UInt32.random(in: 0..<40, using: &random) })
    let sparse = try SparseVector(
      entries: entries.map { ($0, Float(Int.random(in: 1...8, using: &random)) / 4) })
    return Stored(
      sparse: Double.random(in: 0..<1, using: &random) < 0.2 ? nil : sparse,
      bits: (0..<4).map { _ in UInt8.random(in: 0...255, using: &random) },
      text: (0..<Int.random(in: 1...12, using: &random)).map { _ in Self.words.randomElement(using: &random)!
      }
      .joined(separator: ", "))
  }

  private func payload(_ stored: Stored, _ id: Int64) -> String {
    let sparse = stored.sparse.map { #""sparse":"\#(Data($0.bytes).base64EncodedString())","# } ?? ""
    return
      #"{\#(sparse)"bits":"\#(Data(stored.bits).base64EncodedString())","text":"\#(stored.text)","even":\#(id % 2 == 0)}"#
  }

  /// Ids and scores by brute force, best first; `row` breaks ties, as the order of writing does.
  private func expected(
    _ model: [Int64: (row: Int, stored: Stored)], limit: Int, higherIsNearer: Bool, score: (Stored) -> Float?
  ) -> [SearchHit] {
    let scored = model.compactMap { id, entry in
      score(entry.stored).map { (id: id, row: entry.row, score: $0) }
    }
    return scored.sorted {
      $0.score == $1.score ? $0.row < $1.row : (higherIsNearer ? $0.score > $1.score : $0.score < $1.score)
    }.prefix(limit).map { SearchHit(id: .int64($0.id), score: $0.score) }
  }

  private func check(
    _ engine: Engine, _ model: [Int64: (row: Int, stored: Stored)], _ random: inout SeededGenerator,
    _ comment: String
  ) async throws {
    let asked = try stored(&random)
    let evens = model.filter { $0.key % 2 == 0 }
    let filter = PointFilter.field(["even"], .isOneOf([.bool(true)]))
    for (shown, filter) in [(model, nil), (evens, filter)]
      as [([Int64: (row: Int, stored: Stored)], PointFilter?)]
    {
      let other = try SparseVector(indices: [1, 5, 9], values: [1, 2, 0.5])
      let sparse = asked.sparse ?? other
      let bySparse = try await engine.search(
        PayloadSearch(
          field: "sparse", scoring: .sparse,
          queries: [.sparse(indices: sparse.indices, values: sparse.values)],
          limit: 10, filter: filter), in: "words")
      #expect(
        bySparse.hits[0]
          == expected(shown, limit: 10, higherIsNearer: true) { own in
            guard let vector = own.sparse, !Set(vector.indices).isDisjoint(with: sparse.indices) else {
              return nil
            }
            return vector.dot(sparse)
          }, "sparse \(comment)")
      for scoring in [PayloadSearch.Scoring.hamming, .jaccard] {
        let found = try await engine.search(
          PayloadSearch(
            field: "bits", scoring: scoring, queries: [.bits(asked.bits)], limit: 10, filter: filter),
          in: "words")
        let wanted = expected(shown, limit: 10, higherIsNearer: false) { own in
          let both = zip(own.bits, asked.bits).reduce(0) { $0 + ($1.0 & $1.1).nonzeroBitCount }
          let any = zip(own.bits, asked.bits).reduce(0) { $0 + ($1.0 | $1.1).nonzeroBitCount }
          return scoring == .hamming ? Float(any - both) : any == 0 ? 1 : Float(any - both) / Float(any)
        }
        #expect(found.hits[0] == wanted, "\(scoring) \(comment)")
      }
      // BM25 written out: statistics are those of all live points, also under a filter.
      let terms = { (text: String) in TextAnalyzer.standard.terms(in: text) }
      let query = terms(asked.text)
      let documents = model.mapValues { terms($0.stored.text) }
      let having = documents.values.reduce(into: [String: Double]()) { sums, words in
        for word in Set(words) { sums[word, default: 0] += 1 }
      }
      let lengths = documents.values.map { Double($0.count) }
      let average = lengths.reduce(0, +) / Double(max(1, lengths.count))
      let byText = try await engine.search(
        PayloadSearch(
          field: "text", scoring: .bm25(k1: 1.2, b: 0.75), queries: [.text(asked.text)], limit: 10,
          filter: filter),
        in: "words")
      let ids = Dictionary(uniqueKeysWithValues: shown.map { ($0.key, $0.value.stored) })
      func bm25(_ own: Stored) -> Double {
        let counts = Dictionary(grouping: terms(own.text)) { $0 }.mapValues { Double($0.count) }
        let length = counts.values.reduce(0, +)
        return query.reduce(0.0) { sum, word in
          guard let n = counts[word] else { return sum }
          let rows = having[word] ?? 0
          let weight = log(1 + (Double(model.count) - rows + 0.5) / (rows + 0.5))
          return sum + weight * n * 2.2 / (n + 1.2 * (0.25 + 0.75 * length / average))
        }
      }
      let best = ids.values.map(bm25).filter { $0 > 0 }.sorted(by: >).prefix(10)
      #expect(byText.hits[0].count == best.count, "text \(comment)")
      for (hit, score) in zip(byText.hits[0], best) {
        guard case .int64(let id) = hit.id, let own = ids[id] else {
          Issue.record("\(hit.id) is not there: \(comment)")
          continue
        }
        #expect(abs(Double(hit.score) - score) < 1e-4 * score, "text \(comment)")
        #expect(abs(bm25(own) - score) < 1e-4 * score, "text \(comment)")
      }
    }
  }

  @Test("exact after random writes, deletes, merges and restarts", arguments: [1, 2] as [UInt64])
  func randomOperations(seed: UInt64) async throws {
    var random = SeededGenerator(seed: seed)
    let directory = TemporaryDirectory()
    var harness = try await EngineHarness(directory: directory, segmentRowsMax: 128)
    _ = try await harness.engine.createCollection(
      "words", schema: CollectionSchema(dimension: 2, metric: .squaredEuclidean))
    var model: [Int64: (row: Int, stored: Stored)] = [:]
    var row = 0
    for step in 0..<16 {
      switch Int.random(in: 0..<8, using: &random) {
      case 0..<4:
        let ids = Set(
          (0..<Int.random(in: 1...300, using: &random)).map { _ in Int64.random(in: 0..<900, using: &random) }
        ).sorted()
        var batch = PointBatch(ids: ids.map { .int64($0) }, vectors: [], dimension: 2)
        for id in ids {
          let own = try stored(&random)
          model[id] = (row, own)
          row += 1
          batch.vectors += [Float(id), 0]
          batch.payloads.append(payload(own, id))
        }
        _ = try await harness.engine.write(batch, to: "words", mode: .upsert)
      case 4..<6:
        let gone = (0..<250).map { _ in Int64.random(in: 0..<900, using: &random) }
        _ = try await harness.engine.delete(gone.map { .int64($0) }, from: "words")
        for id in gone { model[id] = nil }
      case 6: try await harness.settle()
      default:
        try await harness.shutDown()
        harness = try await EngineHarness(directory: directory, segmentRowsMax: 128)
      }
      try await check(harness.engine, model, &random, "seed \(seed), step \(step)")
    }
    try await harness.shutDown()
  }

  @Test("a search that waited, and knows less than the index has, takes nothing out of it")
  func olderSnapshot() async throws {
    let harness = try await EngineHarness()
    let engine = harness.engine
    _ = try await engine.createCollection(
      "words", schema: CollectionSchema(dimension: 1, metric: .squaredEuclidean))
    func write(_ ids: Range<Int>) async throws {
      _ = try await engine.write(
        PointBatch(
          ids: ids.map { .int64(Int64($0)) }, vectors: ids.map { _ in 0 }, dimension: 1,
          payloads: ids.map { _ in #"{"text":"amber"}"# }), to: "words", mode: .insert)
    }
    try await write(0..<500)
    let collection = try engine.aliases.resolve("words")
    let older = collection.snapshot
    try await write(500..<2_500)
    let request = PayloadSearch(
      field: "text", scoring: .bm25(k1: 1.2, b: 0.75), queries: [.text("amber")], limit: 5_000)
    func found(_ snapshot: CollectionSnapshot) throws -> Int {
      try collection.payloadIndexes.index(of: "text", .text(.standard)).search(
        request, count: 5_000, in: snapshot, corpus: nil, of: snapshot, points: collection.points,
        directory: engine.resources.directory)[0].count
    }
    #expect(try found(collection.snapshot) == 2_500)
    #expect(try found(older) == 500)
    #expect(try found(collection.snapshot) == 2_500)
    try await harness.shutDown()
  }

  @Test("ranges, groups, offsets; what is no value of the kind is not found; bad queries are refused")
  func shapes() async throws {
    let harness = try await EngineHarness()
    let engine = harness.engine
    _ = try await engine.createCollection(
      "words", schema: CollectionSchema(dimension: 1, metric: .squaredEuclidean))
    let bits: [UInt8] = [0b0, 0b1, 0b11, 0b111, 0b1111]
    var payloads = bits.enumerated().map {
      #"{"bits":"\#(Data([$1]).base64EncodedString())","group":\#($0 % 2)}"#
    }
    payloads += [#"{"bits":"no base64!"}"#, #"{"bits":7}"#, #"{"bits":"AAA="}"#, ""]
    _ = try await engine.write(
      PointBatch(
        ids: payloads.indices.map { .int64(Int64($0)) }, vectors: payloads.map { _ in 0 }, dimension: 1,
        payloads: payloads), to: "words", mode: .insert)
    func found(_ change: (inout PayloadSearch) -> Void) async throws -> [PointID] {
      var request = PayloadSearch(field: "bits", scoring: .hamming, queries: [.bits([0])], limit: 10)
      change(&request)
      return try await engine.search(request, in: "words").hits[0].map(\.id)
    }
    #expect(try await found { _ in } == [.int64(0), .int64(1), .int64(2), .int64(3), .int64(4)])
    #expect(try await found { $0.offset = 3 } == [.int64(3), .int64(4)])
    #expect(
      try await found {
        $0.range = SearchRange(lower: .init(1, isInclusive: true), upper: .init(3, isInclusive: false))
      }
        == [.int64(1), .int64(2)])
    #expect(
      try await found { $0.grouping = SearchGrouping(field: ["group"], size: 1) } == [.int64(0), .int64(1)])
    #expect(try await found { $0.field = "other" } == [])
    for change in [
      { $0.queries = [] }, { $0.limit = 0 }, { $0.queries = [.text("a")] }, { $0.queries = [.bits([])] },
      { $0.queries = [.bits([0]), .bits([0, 0])] }, { $0.dropRatio = 1 },
      {
        $0.scoring = .bm25(k1: -1, b: 0)
        $0.queries = [.text("a")]
      },
      {
        $0.scoring = .sparse
        $0.queries = [.sparse(indices: [2, 1], values: [1, 1])]
      },
    ] as [(inout PayloadSearch) -> Void] {
      await #expect(throws: MoultError.self) { _ = try await found(change) }
    }
    try await harness.shutDown()
  }
}
