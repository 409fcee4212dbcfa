internal import Foundation
internal import MoultServer

/// Sparse vectors and vectors of bits. The engine has them as members of the payload: base64 of the bytes that gRPC's
/// clients send.
enum PayloadVector {
  /// - Parameters:
  ///   - bytes: of one vector, as gRPC's clients send it.
  ///   - field: of either type.
  /// - Returns: the text for the payload.
  static func text(_ bytes: Data, _ field: CollectionDefinition.Field) throws(VectorFault) -> String {
    if field.type == .sparseFloatVector { _ = try SparseEntries(bytes: bytes) }
    return bytes.base64EncodedString()
  }

  /// - Parameter json: as REST's clients send it.
  static func text(_ json: JSON, _ field: CollectionDefinition.Field) throws(VectorFault) -> String {
    let bytes =
      field.type == .sparseFloatVector ? try SparseEntries(json).bytes : try bits(json, field)
    return bytes.base64EncodedString()
  }

  /// What stands in a payload; `nil` for what is no vector of the field, which only Moult's own API can have written.
  static func bytes(_ json: JSON?, _ field: CollectionDefinition.Field) -> Data? {
    guard let bytes = json?.string.flatMap({ Data(base64Encoded: $0) }) else { return nil }
    let isSound =
      field.type == .sparseFloatVector
      ? (try? SparseEntries(bytes: bytes)) != nil : bytes.count == field.byteCount
    return isSound ? bytes : nil
  }

  /// An object of a sparse vector, base64 of bits, as REST's clients read them; null for what is neither.
  static func write(_ json: JSON, as field: CollectionDefinition.Field?, to writer: inout JSONWriter) {
    guard let field, let bytes = bytes(json, field) else { return writer.null() }
    guard field.type == .sparseFloatVector else { return writer.value(bytes.base64EncodedString()) }
    guard let entries = try? SparseEntries(bytes: bytes) else { return writer.null() }
    entries.write(to: &writer)
  }

  /// - Parameter json: an array of bytes, or their base64.
  static func bits(_ json: JSON, _ field: CollectionDefinition.Field) throws(VectorFault) -> Data {
    var bytes: Data
    switch json {
    case .string(let text):
      guard let data = Data(base64Encoded: text) else {
        throw VectorFault(text: "expected base64 of \(field.byteCount) bytes, got '\(text.prefix(100))'")
      }
      bytes = data
    case .array, .floats:
      bytes = Data()
      for number in json.array ?? [] {
        guard let byte = number.double.flatMap({ UInt8(exactly: $0) }) else {
          throw VectorFault(
            text:
              "expected bytes, integers from 0 to 255, got \(number.double.map { "\($0)" } ?? number.kind)")
        }
        bytes.append(byte)
      }
    default: throw VectorFault(text: "expected an array of bytes, or base64, got \(json.kind)")
    }
    guard bytes.count == field.byteCount else {
      throw VectorFault(
        text:
          "[]byte size \(bytes.count) doesn't equal to vector dimension \(8 * field.byteCount) of \(field.type.name)"
      )
    }
    return bytes
  }
}

extension CollectionDefinition.Field {
  /// Of a vector of bits.
  var byteCount: Int { (parameter("dim").flatMap { Int($0) } ?? 0) / 8 }
}
