internal import Foundation
internal import MoultModel
internal import MoultServer

/// A sparse vector: ascending indices, each once, and their values.
struct QdrantSparseVector: Sendable, Equatable {
  var indices: [UInt32]
  var values: [Float]

  /// What a client sends: `{"indices": […], "values": […]}`, in any order.
  ///
  /// - Returns: `nil` for JSON that is no such thing at all.
  /// - Throws: 422 for one that cannot be.
  init?(_ json: JSON, at path: String) throws(QdrantError) {
    guard let object = json.object, let given = object["indices"]?.array,
      let numbers = object["values"]?.array,
      object.members.count == 2
    else { return nil }
    guard given.count == numbers.count else {
      throw .validation("[\(path).values: must be the same length as indices]")
    }
    var pairs: [(index: UInt32, value: Float)] = []
    pairs.reserveCapacity(given.count)
    for (index, value) in zip(given, numbers) {
      guard let index = index.double.flatMap({ UInt32(exactly: $0) }) else {
        throw .format("\(path).indices: expected integers of 32 bits without sign")
      }
      guard let value = value.double.map(Float.init), value.isFinite else {
        throw .format("\(path).values: expected numbers of float32, got \(value.kind)")
      }
      pairs.append((index, value))
    }
    pairs.sort { $0.index < $1.index }
    guard zip(pairs, pairs.dropFirst()).allSatisfy({ $0.index < $1.index }) else {
      throw .validation("[\(path).indices: must be unique]")
    }
    indices = pairs.map(\.index)
    values = pairs.map(\.value)
  }

  /// - Parameter text: base64 of pairs of a 32-bit index and a float32, little-endian: what `PayloadSearch` reads.
  init?(stored text: String) {
    guard let data = Data(base64Encoded: text), data.count % 8 == 0 else { return nil }
    let bytes = [UInt8](data)
    func word(_ place: Int) -> UInt32 {
      (0..<4).reduce(0) { $0 | UInt32(bytes[place + $1]) << UInt32(8 * $1) }
    }
    indices = stride(from: 0, to: bytes.count, by: 8).map { word($0) }
    values = stride(from: 4, to: bytes.count, by: 8).map { Float(bitPattern: word($0)) }
  }

  /// The opposite of ``init(stored:)``.
  var stored: String {
    var data = Data(capacity: indices.count * 8)
    for (index, value) in zip(indices, values) {
      for word in [index, value.bitPattern] {
        withUnsafeBytes(of: word.littleEndian) { data.append(contentsOf: $0) }
      }
    }
    return data.base64EncodedString()
  }

  func write(to json: inout JSONWriter) {
    json.beginObject()
    json.key("indices")
    json.beginArray()
    for index in indices { json.value(Int(index)) }
    json.endArray()
    json.member("values", values)
    json.endObject()
  }
}
