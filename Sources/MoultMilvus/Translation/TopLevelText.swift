internal import MoultModel
internal import MoultServer
internal import NIOCore

/// Finds a text in a request before the request is read, such as `collectionName`, because the collection's schema says
/// under which name vectors stand. What it cannot find is no error: the reader will tell.
enum TopLevelText {
  /// - Parameter name: of the member, ASCII letters, in any case.
  static func find(_ name: StaticString, in body: ByteBuffer) -> String? {
    body.withUnsafeReadableBytes { bytes in
      let utf8 = bytes.bindMemory(to: UInt8.self)
      var scanner = JSONScanner(utf8)
      return try? value(name, &scanner, utf8)
    }
  }

  private static func value(
    _ wanted: StaticString, _ scanner: inout JSONScanner, _ utf8: UnsafeBufferPointer<UInt8>
  ) throws
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
      if isSame(name, wanted) {
        return try JSONReader.parse(UnsafeBufferPointer(rebasing: utf8[valueStart..<scanner.offset])).string
      }
      guard try scanner.anotherElement(closing: UInt8(ascii: "}")) else { return nil }
    }
    return nil
  }

  private static func isSame(_ quoted: Slice<UnsafeBufferPointer<UInt8>>, _ name: StaticString) -> Bool {
    guard quoted.count == name.utf8CodeUnitCount + 2 else { return false }
    let name = UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
    return zip(quoted.dropFirst(), name).allSatisfy { $0 | 0x20 == $1 | 0x20 }
  }
}
