import Crypto
import Foundation
import MoultTesting
import Testing

@testable import MoultQdrant

@Suite("Files of forms")
struct MultipartFileTests {
  private struct Pieces: AsyncSequence {
    typealias Element = [UInt8]
    var pieces: [[UInt8]]

    struct AsyncIterator: AsyncIteratorProtocol {
      var pieces: ArraySlice<[UInt8]>
      mutating func next() -> [UInt8]? { pieces.popFirst() }
    }

    func makeAsyncIterator() -> AsyncIterator { AsyncIterator(pieces: pieces[...]) }
  }

  private func file(
    _ body: [UInt8], cutBy random: inout SeededGenerator, checksum: String? = nil
  ) async throws -> [UInt8] {
    var pieces: [[UInt8]] = []
    var rest = body[...]
    while !rest.isEmpty {
      let piece = rest.prefix(Int.random(in: 1...40, using: &random))
      pieces.append(Array(piece))
      rest = rest.dropFirst(piece.count)
    }
    var found: [UInt8] = []
    let form = MultipartFile(
      body: Pieces(pieces: pieces), boundary: Array("b0".utf8), name: "snapshot", checksum: checksum)
    for try await bytes in form { found += bytes }
    return found
  }

  private func form(_ content: [UInt8], name: String = "snapshot") -> [UInt8] {
    Array("--b0\r\nContent-Disposition: form-data; name=\"other\"\r\n\r\nx\r\n--b0\r\n".utf8)
      + Array("Content-Disposition: form-data; name=\"\(name)\"; filename=\"f\"\r\n\r\n".utf8) + content
      + Array("\r\n--b0--\r\n".utf8)
  }

  @Test("come out as they were put in, however the form is cut", arguments: 1...60 as ClosedRange<UInt64>)
  func cuts(seed: UInt64) async throws {
    var random = SeededGenerator(seed: seed)
    // Much of it looks like a boundary.
    let alphabet = Array("\r\n-b0x".utf8)
    var content = (0..<Int.random(in: 0...300, using: &random)).map { _ in
      alphabet.randomElement(using: &random)!
    }
    while let place = content.indices.first(where: { content[$0...].starts(with: Array("\r\n--b0".utf8)) }) {
      content[place] = UInt8(ascii: "x")
    }
    let checksum = SHA256.hash(data: content).map { String(UInt32($0) + 256, radix: 16).dropFirst() }.joined()
    #expect(try await file(form(content), cutBy: &random, checksum: checksum.uppercased()) == content)
    await #expect(throws: QdrantError.self) {
      var random = random
      return try await file(form(content), cutBy: &random, checksum: String(repeating: "0", count: 64))
    }
  }

  @Test("a form that is cut short, or has no such file, is refused")
  func refused() async {
    var random = SeededGenerator(seed: 7)
    let whole = form(Array("content".utf8))
    for body in [
      [], Array("--b0--".utf8), Array(whole.dropLast(10)), form([1], name: "another"), Array("--b0\r\n".utf8),
    ] {
      await #expect(throws: QdrantError.self) {
        var own = random
        return try await file(body, cutBy: &own)
      }
    }
    let long = Array("--b0\r\n".utf8) + [UInt8](repeating: 65, count: 20_000)
    await #expect(throws: QdrantError.self) { try await file(long, cutBy: &random) }
  }

  @Test(
    "boundaries",
    arguments: [
      ("multipart/form-data; boundary=abc", "abc"), ("Multipart/Form-Data; x=1; Boundary=\"a b\"", "a b"),
      ("multipart/form-data", nil), ("text/plain; boundary=a", nil), ("", nil),
      ("multipart/form-data; boundary=", nil),
      ("multipart/form-data; boundary=" + String(repeating: "a", count: 71), nil),
    ] as [(String, String?)])
  func boundaries(header: String, expected: String?) {
    #expect(MultipartForm.boundary(header) == expected.map { Array($0.utf8) })
  }
}
