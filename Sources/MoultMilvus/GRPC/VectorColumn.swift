internal import Foundation
internal import MilvusProto
internal import MoultModel
internal import SwiftProtobuf

/// The vectors of one field in an insert. Where rows are null, only the others stand in the column.
struct VectorColumn {
  let target: VectorTarget
  let values: FieldVectors
  private let absent: Set<Int>

  /// - Throws: 1100 for a column that is missing, of another type, dimension or number of rows.
  init(_ target: VectorTarget, _ column: ProtoFieldData?, count: Int) throws {
    self.target = target
    let (name, dimension) = (target.field.name, target.dimension)
    do { try FieldVectors.requireRoom(count: count, dimension: dimension) } catch {
      throw MilvusError.invalidParameter(error.message)
    }
    guard let column else {
      guard target.field.isNullable else {
        throw MilvusError.invalidParameter("fieldSchema(\(name)) has no corresponding fieldData pass in")
      }
      values = FieldVectors([[Float]?](repeating: nil, count: count), dimension: dimension)
      absent = Set(0..<count)
      return
    }
    let present = try Self.floats(column.vectors, target.field)
    guard Int(column.vectors.dim) == dimension else {
      throw MilvusError.invalidParameter(
        "the dim (\(column.vectors.dim)) of field data(\(name)) is not equal to schema dim (\(dimension))")
    }
    let absent = try Self.absent(column.validData, target.field, count: count)
    self.absent = Set(absent)
    let rows = present.count / dimension
    guard present.count % dimension == 0, rows == count - absent.count || rows == count else {
      throw MilvusError.invalidParameter(
        "the num_rows (\(rows)) of field (\(name)) is not equal to passed num_rows (\(count))",
        expected: "\(count)", actual: "\(rows)")
    }
    guard !absent.isEmpty, rows < count else {
      values = FieldVectors(vectors: present, dimension: dimension, absent: absent)
      return
    }
    var next = 0
    let isAbsent = Set(absent)
    values = FieldVectors(
      (0..<count).map { row -> [Float]? in
        guard !isAbsent.contains(row) else { return nil }
        defer { next += dimension }
        return Array(present[next..<next + dimension])
      }, dimension: dimension)
  }

  /// `nil` where the row has none.
  func vector(_ row: Int) -> [Float]? {
    guard !absent.contains(row) else { return nil }
    return Array(values.vectors[row * target.dimension..<(row + 1) * target.dimension])
  }

  private static func floats(_ vectors: ProtoVectorField, _ field: CollectionDefinition.Field) throws
    -> [Float]
  {
    switch (field.type, vectors.data) {
    case (.floatVector, .floatVector(let array)?): return array.data
    case (.float16Vector, .float16Vector(let bytes)?), (.bfloat16Vector, .bfloat16Vector(let bytes)?),
      (.int8Vector, .int8Vector(let bytes)?):
      guard bytes.count % DenseVectors.entryBytes(field.type) == 0 else {
        throw MilvusError.invalidParameter(
          "the column of field \(field.name) ends within an entry: \(bytes.count) bytes of \(field.type.name)"
        )
      }
      return DenseVectors.floats(bytes, field.type)
    case (_, nil): return []
    default:
      throw MilvusError.invalidParameter(
        "the column of field \(field.name) has another type", expected: field.type.name, actual: "other")
    }
  }

  private static func absent(
    _ valid: [Bool], _ field: CollectionDefinition.Field, count: Int
  ) throws -> [Int] {
    guard valid.isEmpty || valid.count == count else {
      throw MilvusError.invalidParameter(
        "the num_rows (\(valid.count)) of valid_data of field (\(field.name)) is not equal to passed num_rows (\(count))"
      )
    }
    let absent = valid.indices.filter { !valid[$0] }
    guard absent.isEmpty || field.isNullable else {
      throw MilvusError.invalidParameter(
        "row \(absent[0]): field \(field.name) is null, and it is not nullable")
    }
    return absent
  }
}

extension ProtoVectorField {
  /// A column of an answer.
  ///
  /// - Parameter rows: null ones are left out, as clients expect.
  init(_ rows: [[Float]?], _ target: VectorTarget) {
    self.init()
    dim = Int64(target.dimension)
    let present = rows.lazy.compactMap(\.self).joined()
    switch target.field.type {
    case .float16Vector: float16Vector = DenseVectors.bytes(present, .float16Vector)
    case .bfloat16Vector: bfloat16Vector = DenseVectors.bytes(present, .bfloat16Vector)
    case .int8Vector: int8Vector = DenseVectors.bytes(present, .int8Vector)
    default: floatVector.data = Array(present)
    }
  }
}

extension ProtoVectorField {
  /// A column of sparse vectors or of bits.
  ///
  /// - Parameter rows: the bytes that clients sent; null ones are left out, as clients expect, or stand as nothing where the
  ///   field has no null, so that every row has its place.
  init(_ rows: [Data?], _ field: CollectionDefinition.Field) {
    self.init()
    let nothing = Data(count: field.type == .binaryVector ? field.byteCount : 0)
    let present = field.isNullable ? rows.compactMap(\.self) : rows.map { $0 ?? nothing }
    if field.type == .binaryVector {
      dim = Int64(field.byteCount * 8)
      binaryVector = present.reduce(into: Data()) { $0 += $1 }
    } else {
      dim = Int64(present.compactMap { try? SparseEntries(bytes: $0).dimension }.max() ?? 0)
      sparseFloatVector.dim = dim
      sparseFloatVector.contents = present
    }
  }
}
