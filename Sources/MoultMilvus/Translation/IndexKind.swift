internal import MoultModel
internal import MoultServer

/// The index types of Milvus, and what Moult builds for them.
enum IndexKind: String, CaseIterable {
  case automatic = "AUTOINDEX"
  case flat = "FLAT"
  case ivfFlat = "IVF_FLAT"
  case ivfSQ8 = "IVF_SQ8"
  case ivfPQ = "IVF_PQ"
  case ivfRaBitQ = "IVF_RABITQ"
  case hnsw = "HNSW"
  case hnswSQ = "HNSW_SQ"
  case hnswPQ = "HNSW_PQ"
  case hnswPRQ = "HNSW_PRQ"
  case scann = "SCANN"
  case diskANN = "DISKANN"

  /// Those of scalar fields, which are described as given and not built: filters read the stored values.
  static let scalar = ["", "INVERTED", "BITMAP", "STL_SORT", "TRIE", "NGRAM", "AUTOINDEX"]

  /// Those of fields in the payload, which are described as given; what is searched is Moult's own.
  static let payload = ["SPARSE_INVERTED_INDEX", "SPARSE_WAND", "BIN_FLAT", "BIN_IVF_FLAT"]

  static func misfit(_ type: String, _ field: CollectionDefinition.Field) -> MilvusError {
    let isKnown = payload.contains(type.uppercased()) || IndexKind(rawValue: type.uppercased()) != nil
    return .invalidParameter(
      isKnown
        ? "data type \(field.type.name) can't build with this index \(type)" : "invalid index type: \(type)")
  }

  /// Parameters from both places where clients write them: flat, and as one JSON text under `params`.
  static func value(_ key: String, in index: CollectionDefinition.Index) -> String? {
    if let value = index.parameter(key) { return value }
    guard let text = index.parameter("params"), let object = (try? JSONReader.parse(text))?.object else {
      return nil
    }
    switch object[key] {
    case .string(let value): return value
    case .int(let value): return String(value)
    case .double(let value): return "\(value)"
    case .bool(let value): return value ? "true" : "false"
    default: return nil
    }
  }

  /// The nearest form that Moult has.
  ///
  /// - Parameters:
  ///   - index: as it was given.
  ///   - dimension: of the vectors.
  /// - Throws: 1100 for a parameter out of its range.
  func specification(_ index: CollectionDefinition.Index, dimension: Int) throws -> EncodingSpecification {
    let form = try form(index)
    switch self {
    case .automatic, .flat, .ivfFlat, .hnsw: return EncodingSpecification(index: form)
    case .ivfSQ8, .diskANN: return EncodingSpecification(quantization: .int8, index: form)
    case .ivfRaBitQ: return EncodingSpecification(quantization: .binary, index: form)
    case .scann: return EncodingSpecification(quantization: .int4, index: form)
    case .hnswSQ:
      return EncodingSpecification(quantization: try Self.scalarQuantization(index), index: form)
    case .ivfPQ, .hnswPQ, .hnswPRQ:
      return EncodingSpecification(
        quantization: .segmented, bits: try Self.bits(index, dimension), index: form)
    }
  }

  /// Lists that Milvus makes where `nlist` is not given: an `nprobe` is meant for so many.
  private static let defaultLists = 128

  private func form(_ index: CollectionDefinition.Index) throws -> IndexSpecification {
    switch self {
    case .automatic: return .automatic
    case .flat: return .flat
    case .ivfFlat, .ivfSQ8, .ivfPQ, .ivfRaBitQ, .scann:
      return .ivf(
        lists: try Self.integer("nlist", in: index, IndexSpecification.listsRange) ?? Self.defaultLists)
    case .hnsw, .hnswSQ, .hnswPQ, .hnswPRQ, .diskANN:
      return .hnsw(
        m: try Self.integer("M", in: index, 2...2048) ?? 16,
        efConstruction: try Self.integer("efConstruction", in: index, 1...Int(Int32.max)) ?? 128)
    }
  }

  private static func scalarQuantization(_ index: CollectionDefinition.Index) throws -> Quantization {
    switch (value("sq_type", in: index) ?? "SQ8").uppercased() {
    case "SQ8", "SQ6": return .int8
    case "SQ4U": return .int4
    case "BF16": return .bfloat16
    case "FP16": return .float16
    default:
      throw MilvusError.invalidParameter(
        "invalid sq_type", expected: "SQ4U, SQ6, SQ8, BF16, FP16", actual: value("sq_type", in: index))
    }
  }

  /// Bits a dimension of product codes: `m` parts with `nbits` each, `nrq` times.
  private static func bits(_ index: CollectionDefinition.Index, _ dimension: Int) throws -> Double {
    let parts = try integer("m", in: index, 1...65_536) ?? dimension / 2
    let bits = try integer("nbits", in: index, 1...24) ?? 8
    let rounds = try integer("nrq", in: index, 1...16) ?? 1
    guard parts <= dimension else {
      throw MilvusError.invalidParameter(
        "The dimension of the vector (dim) should be a multiple of the number of subquantizers (m). Dimension: \(dimension), m: \(parts)"
      )
    }
    return min(8, max(0.25, Double(parts * bits * rounds) / Double(dimension)))
  }

  static func integer(
    _ key: String, in index: CollectionDefinition.Index, _ range: ClosedRange<Int>
  ) throws -> Int? {
    guard let text = value(key, in: index) else { return nil }
    guard let number = Int(text), range.contains(number) else {
      throw MilvusError.invalidParameter(
        "param '\(key)' (\(text)) should be in range [\(range.lowerBound), \(range.upperBound)]")
    }
    return number
  }
}
