import MoultModel
import MoultStorage
import MoultTesting
import Testing

@testable import MoultEngine

/// A dictionary of points that does what a collection with three vector fields does, and the steps of the tests.
extension VectorFieldTests {
  static let dimensions = ["vector": 24, "title": 16, "image": 8]
  static let fields = [
    VectorField(name: "title", dimension: 16, metric: .innerProduct),
    VectorField(name: "image", dimension: 8, metric: .squaredEuclidean),
  ]

  struct Model {
    var points: [Int64: [String: [Float]]] = [:]

    /// Ids of the `k` nearest in a field, nearest first.
    func nearest(_ query: [Float], field: String, k: Int) -> [Int64] {
      let scored = points.compactMap { id, vectors -> (id: Int64, score: Double)? in
        guard let vector = vectors[field] else { return nil }
        let score =
          field == "image"
          ? -zip(query, vector).reduce(0.0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }
          : zip(query, vector).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
        return (id, score)
      }
      return scored.sorted { ($0.score, $1.id) > ($1.score, $0.id) }.prefix(k).map(\.id)
    }
  }

  func create(_ engine: Engine, _ name: String = "words") async throws {
    _ = try await engine.createCollection(
      name, schema: CollectionSchema(dimension: 24, metric: .innerProduct), fields: Self.fields)
  }

  /// Upserts points of which some have no vector in one field or the other.
  func upsert(
    _ ids: [Int64], to name: String, _ engine: Engine, _ model: inout Model,
    _ random: inout SeededGenerator, absentShare: Double = 0.3
  ) async throws {
    var batch = PointBatch(ids: ids.map { .int64($0) }, vectors: [], dimension: 24)
    var others: [String: [[Float]?]] = [:]
    for id in ids {
      var vectors = ["vector": random.floats(count: 24)]
      for field in Self.fields where Double.random(in: 0..<1, using: &random) >= absentShare {
        vectors[field.name] = random.floats(count: field.dimension)
      }
      batch.vectors += vectors["vector"]!
      for field in Self.fields { others[field.name, default: []].append(vectors[field.name]) }
      batch.payloads.append(#"{"n":\#(id)}"#)
      model.points[id] = vectors
    }
    for field in Self.fields {
      batch.fields[field.name] = FieldVectors(others[field.name]!, dimension: field.dimension)
    }
    _ = try await engine.write(batch, to: name, mode: .upsert)
  }

  /// What `moult verify --deep` finds.
  func problems(_ directory: TemporaryDirectory) throws -> [String] {
    let opened = try DataDirectory(path: directory.path)
    defer { opened.close() }
    return opened.check(deep: true).problems.map { "\($0.path): \($0.message)" }
  }

  func check(
    _ engine: Engine, _ name: String, _ model: Model, _ random: inout SeededGenerator,
    _ comment: @autoclosure () -> String
  ) async throws {
    for (field, dimension) in Self.dimensions {
      let path = field == "vector" ? name : FieldName.joined(name, field)
      let query = random.floats(count: dimension)
      let found = try await engine.search(
        SearchRequest(
          queries: query, dimension: dimension, limit: 10, exact: true, includePayload: true,
          includeVectors: true), in: path)
      let wanted = model.nearest(query, field: field, k: 10)
      #expect(found.hits[0].map(\.id) == wanted.map { .int64($0) }, "\(field): \(comment())")
      for hit in found.hits[0] {
        guard case .int64(let id) = hit.id else { continue }
        #expect(hit.vector == model.points[id]?[field])
        #expect(hit.payload == #"{"n":\#(id)}"#)
      }
      #expect(found.servedBy.collection == name)
    }
    let ids = model.points.keys.sorted()
    let page = try await engine.get(
      ids.map { .int64($0) }, from: name, includeVectors: true, includePayload: false)
    #expect(page.points.count == ids.count, "\(comment())")
    for (id, point) in zip(ids, page.points) {
      var vectors = point.fields
      vectors["vector"] = point.vector
      #expect(vectors == model.points[id], "point \(id): \(comment())")
    }
    let info = try engine.describeCollection(name)
    #expect(info.count == ids.count)
    for field in info.fields {
      #expect(
        field.count == model.points.values.count { $0[field.name] != nil }, "\(field.name): \(comment())")
      let filter = PointFilter.hasVector(ExactText(field.name))
      #expect(try await engine.count(name, filter: filter).count == field.count, "\(comment())")
      // Also where another field is searched.
      let found = try await engine.search(
        SearchRequest(
          queries: random.floats(count: 16), dimension: 16, limit: 1_000, exact: true, filter: .not(filter)),
        in: FieldName.joined(name, "title"))
      let expected = model.points.filter { $0.value["title"] != nil && $0.value[field.name] == nil }.keys
      #expect(Set(found.hits[0].map(\.id)) == Set(expected.map { .int64($0) }), "\(field.name): \(comment())")
    }
  }
}
