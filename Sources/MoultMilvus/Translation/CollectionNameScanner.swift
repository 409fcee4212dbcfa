internal import MoultModel
internal import MoultServer
internal import NIOCore

/// Finds `collectionName` in a request before the request is read, because the collection's schema says under
/// which name vectors stand. What it cannot find is no error: the reader will tell.
enum CollectionNameScanner {
  static func find(in body: ByteBuffer) -> String? {
    body.withUnsafeReadableBytes { bytes in
      let utf8 = bytes.bindMemory(to: UInt8.self)
      var scanner = JSONScanner(utf8)
      return try? value(&scanner, utf8)
    }
  }

  private static func value(_ scanner: inout JSONScanner, _ utf8: UnsafeBufferPointer<UInt8>) throws
    -> String?
  {
    scanner.skipWhitespace()
    guard scanner.current == UInt8(ascii: "{") else { return nil }
    try scanner.enter(2)
    while scanner.current == UInt8(ascii: "\"") {
      let start = scanner.offset
      _ = try scanner.scanString()
      let name = utf8[start..<scanner.offset]
      try scanner.scanColon()
      let valueStart = scanner.offset
      try scanner.skipValue(depthLeft: JSONText.depthMax)
      if isCollectionName(name) {
        return try JSONReader.parse(UnsafeBufferPointer(rebasing: utf8[valueStart..<scanner.offset])).string
      }
      guard try scanner.anotherElement(closing: UInt8(ascii: "}")) else { return nil }
    }
    return nil
  }

  private static func isCollectionName(_ quoted: Slice<UnsafeBufferPointer<UInt8>>) -> Bool {
    let name = "\"collectionname\"".utf8
    return quoted.count == name.count && zip(quoted, name).allSatisfy { $0 | 0x20 == $1 | 0x20 }
  }
}
