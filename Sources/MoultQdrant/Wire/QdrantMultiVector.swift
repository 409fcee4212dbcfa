internal import Foundation
internal import MoultModel
internal import MoultServer

/// A vector of many rows of one dimension, compared by the sum of the best matches of its rows (`max_sim`).
struct QdrantMultiVector: Sendable, Equatable {
  /// Of each row; at least 1.
  var dimension: Int
  /// Row after row, at least one; finite.
  var values: [Float]

  var rows: [ArraySlice<Float>] {
    stride(from: 0, to: values.count, by: dimension).map { values[$0..<$0 + dimension] }
  }

  /// What a client sends: a list of vectors, or one vector, which is as good as a list of it.
  ///
  /// - Throws: 400 for what is none, or is too large.
  init(_ json: JSON, at path: String) throws(QdrantError) {
    if let row = json.floats, !row.isEmpty {
      (dimension, values) = (row.count, row)
    } else {
      guard let list = json.array, !list.isEmpty else {
        throw .wrongInput("\(path): a multivector must not be empty: expected a list of vectors")
      }
      (dimension, values) = (list[0].array?.count ?? 0, [])
      for (index, json) in list.enumerated() {
        guard let row = json.floats, !row.isEmpty else {
          throw .wrongInput("\(path)[\(index)]: expected a vector of a multivector, of one number at least")
        }
        guard row.count == dimension else {
          throw .wrongInput(
            "\(path)[\(index)]: all vectors of a multivector must have the same size, got \(dimension) and \(row.count)"
          )
        }
        values += row
        // Before the rest is copied.
        guard values.count <= MultiVectorSearch.numbersMax else { break }
      }
    }
    // Messages of gRPC can say numbers that JSON cannot.
    if let other = values.first(where: { !$0.isFinite }) {
      throw .wrongInput("\(path): expected finite numbers, got \(other)")
    }
    do { try MultiVectorSearch.check(count: values.count, dimension: dimension) } catch {
      throw QdrantError(error)
    }
  }

  init(dimension: Int, values: [Float]) {
    self.dimension = dimension
    self.values = values
  }

  /// - Parameter text: base64 of float32, little-endian, as the engine keeps parts of payloads; see
  ///   `MultiVectorSearch`.
  init?(stored text: String, dimension: Int) {
    guard let data = Data(base64Encoded: text), !data.isEmpty, data.count.isMultiple(of: 4 * dimension) else {
      return nil
    }
    self.dimension = dimension
    values = [Float](unsafeUninitializedCapacity: data.count / 4) { buffer, count in
      count = data.copyBytes(to: UnsafeMutableRawBufferPointer(buffer)) / 4
    }
  }

  /// The opposite of ``init(stored:dimension:)``.
  var stored: String { values.withUnsafeBytes { Data($0) }.base64EncodedString() }

  /// With rows of length 1, as Qdrant stores them under cosine; one of length 0 stays.
  var normalized: QdrantMultiVector {
    QdrantMultiVector(dimension: dimension, values: rows.flatMap { QdrantVector.normalized(Array($0)) })
  }

  func write(to json: inout JSONWriter) {
    json.beginArray()
    for row in rows { json.value(row) }
    json.endArray()
  }
}
