internal import Foundation
internal import MoultModel

/// A field of sparse vectors or of bits, which stands in the payload, or what a function makes of a text there.
struct PayloadTarget {
  enum Content {
    case sparse
    case bits
    case text(TextAnalyzer)
  }

  var field: CollectionDefinition.Field
  /// What is looked at.
  var member: String
  var content: Content
  /// What the field's index says, or would say if there were one.
  var metric: MilvusMetric
  private let index: CollectionDefinition.Index?

  static let dropRatio = "drop_ratio_search"
  static let k1 = "bm25_k1"
  static let b = "bm25_b"
  private static let k1Range = 0.0...3.0
  private static let bRange = 0.0...1.0

  init(_ field: CollectionDefinition.Field, _ definition: CollectionDefinition) throws {
    self.field = field
    index = definition.indexes.first { $0.field == field.name }
    if let source = definition.source(of: field) {
      member = source.name
      content = .text(try TextAnalyzer(of: source))
    } else {
      member = field.name
      content = field.type == .binaryVector ? .bits : .sparse
    }
    let known = index.flatMap { IndexKind.value("metric_type", in: $0) }.flatMap(MilvusMetric.init(name:))
    metric = known ?? Self.defaultMetric(content)
  }

  private static func defaultMetric(_ content: Content) -> MilvusMetric {
    switch content {
    case .sparse: .innerProduct
    case .bits: .hamming
    case .text: .bm25
    }
  }

  var defaultMetric: MilvusMetric { Self.defaultMetric(content) }

  // MARK: Index

  /// - Throws: 1100 for an index that the field cannot have.
  func check(_ index: CollectionDefinition.Index) throws {
    let type = (IndexKind.value("index_type", in: index) ?? "").uppercased()
    let kinds =
      field.type == .binaryVector
      ? ["AUTOINDEX", "BIN_FLAT", "BIN_IVF_FLAT"] : ["AUTOINDEX", "SPARSE_INVERTED_INDEX", "SPARSE_WAND"]
    guard kinds.contains(type) else { throw IndexKind.misfit(type, field) }
    let name = IndexKind.value("metric_type", in: index) ?? ""
    switch (content, MilvusMetric(name: name)) {
    case (.text, .bm25?), (.sparse, .innerProduct?), (.bits, .hamming?), (.bits, .jaccard?): break
    case (.text, _):
      throw Self.badIndex("index metric type of BM25 function output field must be BM25, got \(name)")
    case (.sparse, .bm25?):
      throw MilvusError.invalidParameter("only BM25 Function output field support BM25 metric type")
    case (.sparse, _): throw Self.badIndex("only IP&BM25 is the supported metric type for sparse index")
    case (.bits, _):
      throw Self.badIndex(
        "binary vector index does not support metric type: \(name); this version of Moult has HAMMING and JACCARD"
      )
    }
    let algorithms = ["DAAT_MAXSCORE", "DAAT_WAND", "TAAT_NAIVE"]
    if let algorithm = IndexKind.value("inverted_index_algo", in: index), !algorithms.contains(algorithm) {
      throw Self.badIndex(
        "sparse inverted index algo \(algorithm) not found or not supported, supported: \(algorithms)")
    }
    _ = try IndexKind.integer("nlist", in: index, IndexSpecification.listsRange)
    try Self.check(try Self.number("drop_ratio_build", in: index), "drop_ratio_build", 0..<1)
    try Self.check(try Self.number(Self.k1, in: index), Self.k1, Self.k1Range)
    try Self.check(try Self.number(Self.b, in: index), Self.b, Self.bRange)
  }

  private static func badIndex(_ text: String) -> MilvusError {
    .invalidParameter(text, expected: "valid index params", actual: "invalid index params")
  }

  private static func number(_ key: String, in index: CollectionDefinition.Index?) throws -> Double? {
    guard let text = index.flatMap({ IndexKind.value(key, in: $0) }) else { return nil }
    guard let number = Double(text) else {
      throw MilvusError.invalidParameter("param '\(key)' (\(text.prefix(100))) should be a number")
    }
    return number
  }

  private static func check(_ value: Double?, _ key: String, _ range: some RangeExpression<Double>) throws {
    guard let value, !range.contains(value) else { return }
    throw MilvusError.invalidParameter(
      "Out of range in json: param '\(key)' (\(value)) should be in range \(range)")
  }

  // MARK: Search

  func scoring(_ parameters: MilvusSearch.Parameters) throws -> PayloadSearch.Scoring {
    try Self.check(parameters.dropRatio, Self.dropRatio, 0..<1)
    try Self.check(parameters.k1, Self.k1, Self.k1Range)
    try Self.check(parameters.b, Self.b, Self.bRange)
    switch content {
    case .sparse: return .sparse
    case .bits: return metric == .jaccard ? .jaccard : .hamming
    case .text(let analyzer):
      // As in Milvus where neither search nor index says them.
      return .bm25(
        k1: try parameters.k1 ?? Self.number(Self.k1, in: index) ?? 1.2,
        b: try parameters.b ?? Self.number(Self.b, in: index) ?? 0.75, analyzer: analyzer)
    }
  }

  /// One query from bytes, as gRPC's clients send it.
  func query(_ bytes: Data) throws -> PayloadSearch.Query {
    switch content {
    case .sparse:
      do { return Self.query(try SparseEntries(bytes: bytes)) } catch {
        throw MilvusError.invalidParameter("field \(field.name): \(error.text)")
      }
    case .bits:
      guard bytes.count == field.byteCount else {
        throw MilvusError.invalidParameter(
          "vector dimension mismatch, expected vector size(byte) \(field.byteCount), actual \(bytes.count)")
      }
      return .bits(Array(bytes))
    case .text:
      guard let text = String(validating: bytes, as: UTF8.self) else {
        throw MilvusError.invalidParameter("the text that is searched for is no UTF-8")
      }
      return .text(text)
    }
  }

  static func query(_ entries: SparseEntries) -> PayloadSearch.Query {
    .sparse(indices: entries.indices, values: entries.values)
  }
}
