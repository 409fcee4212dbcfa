import MoultCompute
import MoultJobs
import MoultModel
import MoultStorage

/// Compares the answers of both models on a sample of points, before the new one answers anybody.
///
/// Without queries whose right answers are known (``labelled()``) this is a weak proof: it finds texts that went to wrong points, wrong
/// prefixes and a model that answers at random, and says how much answers will change. Not whether they get better.
struct EmbeddingProof: Sendable {
  static let points = 200
  static let neighbours = 10

  let stage: EmbeddingStage
  let source: Collection
  let target: Collection

  var resources: EngineResources { stage.pass.resources }

  /// A point of the target that the source has with the same text.
  private struct Sample: Sendable {
    var id: PointID
    var text: String
    var old: [Float]
    var new: [Float]
  }

  /// - Returns: the share of common answers, and of texts that find their own point; `nil` for what could not be
  ///   measured.
  func run() async throws -> (agreement: Double?, knownItems: Double?, labelled: LabelledProof?) {
    let labelled = try await labelled()
    let samples: [Sample] = try await resources.background.run { try sample() }
    guard !samples.isEmpty else { return (nil, nil, labelled) }
    let overlap = try await resources.background.run { try agreement(samples) }
    return (overlap, try await knownItems(samples), labelled)
  }

  private func sample() throws -> [Sample] {
    let (old, new) = (source.snapshot, target.snapshot)
    var random = SplitMix64(seed: UInt64(bitPattern: target.id))
    let rows = RowSample.rows(of: new, count: Self.points, random: &random)
    return try resources.directory.read { db -> [Sample] in
      let stored = try target.points.points(rows: rows, payloads: true, in: db)
      let ids = stored.values.map(\.id)
      let before = try source.points.rows(ids: ids, in: db)
      return rows.compactMap { row -> Sample? in
        guard let point = stored[row], let oldRow = before[point.id],
          case .text(let text) = stage.pass.text.text(of: point),
          let oldVector = old.vector(ofRow: oldRow, dimension: source.schema.dimension),
          let newVector = new.vector(ofRow: row, dimension: target.schema.dimension)
        else { return nil }
        return Sample(id: point.id, text: text, old: oldVector, new: newVector)
      }
    }
  }

  /// Mean share of the neighbours of a point under one model that are its neighbours under the other, itself left out.
  private func agreement(_ samples: [Sample]) throws -> Double {
    let before = try answers(samples.flatMap(\.old), in: source, count: Self.neighbours + 1)
    let after = try answers(samples.flatMap(\.new), in: target, count: Self.neighbours + 1)
    var sum = 0.0
    for (place, sample) in samples.enumerated() {
      let old = before[place].filter { $0 != sample.id }.prefix(Self.neighbours)
      let new = after[place].filter { $0 != sample.id }.prefix(Self.neighbours)
      let most = max(old.count, new.count)
      sum += most == 0 ? 1 : Double(Set(old).intersection(new).count) / Double(most)
    }
    return sum / Double(samples.count)
  }

  /// Sends the texts as queries would be sent.
  private func knownItems(_ samples: [Sample]) async throws -> Double? {
    let embedder = stage.order.embedder
    guard !embedder.isFile else { return nil }
    var found = 0
    var asked = 0
    for first in stride(from: 0, to: samples.count, by: embedder.batchTexts) {
      let part = Array(samples[first..<min(samples.count, first + embedder.batchTexts)])
      let texts = part.map { embedder.queryPrefix + $0.text.dropFirst(embedder.documentPrefix.count) }
      guard let outcomes = try? await stage.pass.model.embed(texts).outcomes, outcomes.count == part.count
      else {
        try stage.pass.context.checkCancellation()
        continue
      }
      let answered = zip(part, outcomes).compactMap { sample, outcome -> (PointID, [Float])? in
        guard case .vector(let vector) = outcome, vector.count == embedder.dimension,
          EmbeddingPass.fault(vector) == nil
        else { return nil }
        return (sample.id, vector)
      }
      let hits = try await resources.background.run {
        try answers(answered.flatMap(\.1), in: target, count: Self.neighbours)
      }
      asked += answered.count
      found += zip(answered, hits).count { $1.contains($0.0) }
    }
    return asked == 0 ? nil : Double(found) / Double(asked)
  }

  /// Ids of the nearest points of each query, by the form that would answer it.
  func answers(_ queries: [Float], in collection: Collection, count: Int) throws -> [[PointID]] {
    let snapshot = collection.snapshot
    let queryCount = queries.count / collection.schema.dimension
    guard queryCount > 0 else { return [] }
    let generation = snapshot.building ?? snapshot.live
    let found = queries.withUnsafeBufferPointer { queries in
      SearchExecutor.search(
        snapshot, generation: generation, queries: queries.baseAddress!, queryCount: queryCount,
        // The same rows, by one pass over the vectors for all queries in place of one for each.
        parameters: .init(
          count: count, exact: generation.specification.isIdentity && generation.indexes.isEmpty),
        parallel: resources.background.parallelFor)
    }
    let rows = Set(found.joined().map(\.row))
    let stored = try resources.directory.read { db in
      try collection.points.points(rows: rows, payloads: false, in: db)
    }
    return found.map { $0.compactMap { stored[$0.row]?.id } }
  }
}
