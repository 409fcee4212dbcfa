import Foundation
import Testing

/// A directory that disappears with the test.
struct ScratchDirectory: ~Copyable {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "/moult-files-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func path(_ name: String) -> String { path + "/" + name }

  /// Writes a file and gives its path.
  func file(_ name: String, _ bytes: some Sequence<UInt8>) throws -> String {
    try Data(bytes).write(to: URL(fileURLWithPath: path(name)))
    return path(name)
  }

  func bytes(_ name: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(fileURLWithPath: path(name))))
  }

  var names: [String] {
    get throws { try FileManager.default.contentsOfDirectory(atPath: path).sorted() }
  }
}

/// Whether speeds mean anything; unoptimized code is measured on less.
#if DEBUG
  let isOptimized = false
#else
  let isOptimized = true
#endif

/// Files that NumPy 2.4.6 and Python's gzip wrote, in base64; how stands above each. There,
/// `a = np.arange(6, dtype=np.float32).reshape(2, 3) / 8 - 0.25`.
struct Golden: Sendable, CustomTestStringConvertible {
  let name: String
  let bytes: [UInt8]
  var testDescription: String { name }

  init(_ name: String, _ base64: String...) {
    self.name = name
    bytes = [UInt8](Data(base64Encoded: base64.joined())!)
  }

  /// What `a` holds.
  static let values: [Float] = [-0.25, -0.125, 0, 0.125, 0.25, 0.375]

  /// `np.save(o, a)`
  static let float32 = Golden(
    "float32",
    "k05VTVBZAQB2AHsnZGVzY3InOiAnPGY0JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsIDMpLCB9ICAg",
    "ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAIC+AAAAvgAAAAAAAAA+",
    "AACAPgAAwD4=")

  /// `np.save(o, a.astype(np.float16))`
  static let float16 = Golden(
    "float16",
    "k05VTVBZAQB2AHsnZGVzY3InOiAnPGYyJywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsIDMpLCB9ICAg",
    "ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAtACwAAAAMAA0ADY=")

  /// `np.lib.format.write_array(o, a, version=(2, 0))`
  static let version2 = Golden(
    "version2",
    "k05VTVBZAgB0AAAAeydkZXNjcic6ICc8ZjQnLCAnZm9ydHJhbl9vcmRlcic6IEZhbHNlLCAnc2hhcGUnOiAoMiwgMyksIH0g",
    "ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAIC+AAAAvgAAAAAAAAA+",
    "AACAPgAAwD4=")

  /// `np.lib.format.write_array(o, a, version=(3, 0))`
  static let version3 = Golden(
    "version3",
    "k05VTVBZAwB0AAAAeydkZXNjcic6ICc8ZjQnLCAnZm9ydHJhbl9vcmRlcic6IEZhbHNlLCAnc2hhcGUnOiAoMiwgMyksIH0g",
    "ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAIC+AAAAvgAAAAAAAAA+",
    "AACAPgAAwD4=")

  /// `np.save(o, a[0].astype(np.float16))`
  static let oneDimension = Golden(
    "oneDimension",
    "k05VTVBZAQB2AHsnZGVzY3InOiAnPGYyJywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDMsKSwgfSAgICAg",
    "ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAtACwAAA=")

  /// `np.save(o, np.zeros((0, 3), dtype=np.float32))`
  static let noRows = Golden(
    "noRows",
    "k05VTVBZAQB2AHsnZGVzY3InOiAnPGY0JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDAsIDMpLCB9ICAg",
    "ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAo=")

  /// `np.save(o, np.array([[1, -2, 3]], dtype=np.int32))`
  static let int32 = Golden(
    "int32",
    "k05VTVBZAQB2AHsnZGVzY3InOiAnPGk0JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDEsIDMpLCB9ICAg",
    "ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoBAAAA/v///wMAAAA=")

  /// `np.save(o, np.array([[1, -2], [3, 2**40]], dtype=np.int64))`
  static let int64 = Golden(
    "int64",
    "k05VTVBZAQB2AHsnZGVzY3InOiAnPGk4JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsIDIpLCB9ICAg",
    "ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoBAAAAAAAAAP7/////////",
    "AwAAAAAAAAAAAAAAAAEAAA==")

  /// `np.save(o, np.asfortranarray(a))`
  static let fortran = Golden(
    "fortran",
    "k05VTVBZAQB2AHsnZGVzY3InOiAnPGY0JywgJ2ZvcnRyYW5fb3JkZXInOiBUcnVlLCAnc2hhcGUnOiAoMiwgMyksIH0gICAg",
    "ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAIC+AAAAPgAAAL4AAIA+",
    "AAAAAAAAwD4=")

  /// `np.save(o, a.astype(np.float64))`
  static let float64 = Golden(
    "float64",
    "k05VTVBZAQB2AHsnZGVzY3InOiAnPGY4JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsIDMpLCB9ICAg",
    "ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAAAAADQvwAAAAAAAMC/",
    "AAAAAAAAAAAAAAAAAADAPwAAAAAAANA/AAAAAAAA2D8=")

  /// `np.save(o, a.astype('>f4'))`
  static let bigEndian = Golden(
    "bigEndian",
    "k05VTVBZAQB2AHsnZGVzY3InOiAnPmY0JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsIDMpLCB9ICAg",
    "ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAq+gAAAvgAAAAAAAAA+AAAA",
    "PoAAAD7AAAA=")

  /// `np.save(o, a.reshape(1, 2, 3))`
  static let threeDimensions = Golden(
    "threeDimensions",
    "k05VTVBZAQB2AHsnZGVzY3InOiAnPGY0JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDEsIDIsIDMpLCB9",
    "ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAIC+AAAAvgAAAAAAAAA+",
    "AACAPgAAwD4=")

  /// `np.save(o, np.float32(1))`
  static let noDimension = Golden(
    "noDimension",
    "k05VTVBZAQB2AHsnZGVzY3InOiAnPGY0JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKCksIH0gICAgICAg",
    "ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAIA/")

  /// `np.save(o, np.zeros(2, dtype=[('x', '<f4')]))`
  static let structured = Golden(
    "structured",
    "k05VTVBZAQB2AHsnZGVzY3InOiBbKCd4JywgJzxmNCcpXSwgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIs",
    "KSwgfSAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAAAAAAAAA==")

  /// `np.save(o, np.zeros((1, 3), dtype=bool))`
  static let boolean = Golden(
    "boolean",
    "k05VTVBZAQB2AHsnZGVzY3InOiAnfGIxJywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDEsIDMpLCB9ICAg",
    "ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAA=")

  /// `gzip.compress(b'{"a":1}\\n{"b":', mtime=0) + gzip.compress('"ä"}\\n'.encode(), mtime=0) + bytes(8)`
  static let gzipOfTwoMembers = Golden(
    "gzipOfTwoMembers",
    "H4sIAAAAAAACA6tWSlSyMqzlqlZKUrICAELnOQwNAAAAH4sIAAAAAAACA1M6vESplgsA7GWX1gYAAAAAAAAAAAAAAA==")
}
