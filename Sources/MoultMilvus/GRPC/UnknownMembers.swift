internal import Foundation
internal import SwiftProtobuf

/// Members of a message that `milvus.proto` does not have. Most can be passed over; some ask for another answer.
enum UnknownMembers {
  /// Of a search, by their numbers in Milvus' protocol.
  static let ofSearch = [21: "highlighter", 23: "search_aggregation", 24: "function_chains"]
  static let ofHybridSearch = [15: "function_chains"]

  /// - Throws: 1100 when one of these is there.
  static func refuse(_ names: [Int: String], in message: some Message) throws(MilvusError) {
    for number in numbers(message.unknownFields.data) {
      if let name = names[number] {
        throw .invalidParameter("\(name) is not supported by this version of Moult")
      }
    }
  }

  /// The members' numbers in the order of the bytes. What is cut off ends the list; the message's own reader has
  /// refused it before.
  static func numbers(_ bytes: Data) -> [Int] {
    var numbers: [Int] = []
    var rest = bytes[...]
    func varint() -> UInt64? {
      var value: UInt64 = 0
      for shift in stride(from: UInt64(0), to: 64, by: 7) {
        guard let byte = rest.popFirst() else { return nil }
        value |= UInt64(byte & 0x7F) << shift
        if byte < 0x80 { return value }
      }
      return nil
    }
    while let tag = varint() {
      numbers.append(Int(clamping: tag >> 3))
      switch tag & 7 {
      case 0: guard varint() != nil else { return numbers }
      case 1: rest = rest.dropFirst(8)
      case 2:
        guard let length = varint(), length <= rest.count else { return numbers }
        rest = rest.dropFirst(Int(length))
      case 5: rest = rest.dropFirst(4)
      default: return numbers
      }
    }
    return numbers
  }
}
