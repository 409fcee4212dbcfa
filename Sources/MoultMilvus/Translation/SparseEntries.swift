internal import Foundation
internal import MoultModel
internal import MoultServer

/// What is wrong with a vector, in Milvus' words where it has some; the caller knows the row and the field.
struct VectorFault: Error, Equatable {
  var text: String
}

/// A sparse vector as clients send it: indices that ascend, and as many values.
struct SparseEntries: Equatable {
  private(set) var indices: [UInt32] = []
  private(set) var values: [Float] = []

  private static let entryBytes = 8

  /// The form of gRPC, and of the payload: for each entry its index (u32) and its value (f32), little-endian.
  ///
  /// - Throws: for bytes that are cut off, and for entries that Milvus refuses.
  init(bytes: Data) throws(VectorFault) {
    guard bytes.count.isMultiple(of: Self.entryBytes) else {
      throw VectorFault(text: "invalid data length in sparse float vector: \(bytes.count)")
    }
    let count = bytes.count / Self.entryBytes
    indices.reserveCapacity(count)
    values.reserveCapacity(count)
    bytes.withUnsafeBytes { bytes in
      func bits(_ place: Int) -> UInt32 {
        UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4 * place, as: UInt32.self))
      }
      for entry in 0..<count {
        indices.append(bits(2 * entry))
        values.append(Float(bitPattern: bits(2 * entry + 1)))
      }
    }
    try check()
  }

  /// The forms of REST: `{"7": 0.5}`, or `{"indices": [7], "values": [0.5]}`, in any order.
  init(_ json: JSON) throws(VectorFault) {
    guard let object = json.object else {
      throw VectorFault(
        text:
          "expected a sparse vector, {\"index\": value} or {\"indices\": […], \"values\": […]}, got \(json.kind)"
      )
    }
    var entries: [(index: UInt32, value: Float)] = []
    if object["indices"] != nil || object["values"] != nil {
      guard let indices = object["indices"]?.array, let values = object["values"]?.array,
        object.members.count == 2
      else {
        throw VectorFault(
          text:
            "invalid JSON input: a sparse vector with \"indices\" has \"values\" too, both arrays, and nothing else"
        )
      }
      guard indices.count == values.count else {
        throw VectorFault(text: "indices and values length mismatch: \(indices.count) and \(values.count)")
      }
      for (index, value) in zip(indices, values) {
        // Numbers that were read as floats are no indices any more: they may have been rounded.
        guard let number = index.int, let index = UInt32(exactly: number) else {
          throw Self.badIndex("\(index.int.map(String.init) ?? index.kind)")
        }
        entries.append((index, try Self.value(value)))
      }
    } else {
      for member in object.members {
        guard let index = UInt32(member.key) else { throw Self.badIndex("'\(member.key.prefix(100))'") }
        entries.append((index, try Self.value(member.value)))
      }
    }
    entries.sort { $0.index < $1.index }
    indices = entries.map(\.index)
    values = entries.map(\.value)
    try check()
  }

  private static func value(_ json: JSON) throws(VectorFault) -> Float {
    guard let number = json.double else {
      throw VectorFault(text: "expected a number as value of a sparse vector, got \(json.kind)")
    }
    return Float(number)
  }

  private static func badIndex(_ text: String) -> VectorFault {
    VectorFault(
      text: "invalid index in sparse float vector: expected an integer from 0 to 2^32-2, got \(text)")
  }

  private func check() throws(VectorFault) {
    for place in indices.indices {
      guard indices[place] < UInt32.max else {
        throw VectorFault(text: "invalid index in sparse float vector: must be less than 2^32-1")
      }
      guard place == 0 || indices[place] > indices[place - 1] else {
        throw VectorFault(text: "unsorted or same indices in sparse float vector")
      }
      guard values[place].isFinite else {
        throw VectorFault(text: "value '\(values[place])' is not a number or infinity")
      }
      guard values[place] >= 0 else {
        throw VectorFault(text: "negative value in sparse float vector: \(values[place])")
      }
    }
  }

  var bytes: Data {
    var data = Data(capacity: indices.count * Self.entryBytes)
    for (index, value) in zip(indices, values) {
      for bits in [index, value.bitPattern] {
        withUnsafeBytes(of: bits.littleEndian) { data.append(contentsOf: $0) }
      }
    }
    return data
  }

  /// One more than the largest index; 0 without entries.
  var dimension: Int { indices.last.map { Int($0) + 1 } ?? 0 }

  func write(to json: inout JSONWriter) {
    json.beginObject()
    for (index, value) in zip(indices, values) { json.member(String(index), value) }
    json.endObject()
  }
}
