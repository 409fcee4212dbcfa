internal import Crypto
internal import MoultServer

/// One file of a form (`multipart/form-data`, RFC 7578), as it comes; nothing of it is kept.
struct MultipartFile<Body: AsyncSequence>: AsyncSequence where Body.Element == [UInt8] {
  typealias Element = [UInt8]

  let body: Body
  let boundary: [UInt8]
  /// Of the form's member; others are passed over.
  let name: String
  /// SHA-256 of the file in hexadecimal digits, where it is to be compared.
  let checksum: String?

  struct AsyncIterator: AsyncIteratorProtocol {
    /// Bytes of one part's header at most.
    private static var headerBytesMax: Int { 16 << 10 }

    private enum Place { case before, header, file, end }

    private var body: Body.AsyncIterator
    private let form: MultipartFile
    private var bytes: [UInt8] = []
    private var place = Place.before
    private var hash = SHA256()

    fileprivate init(_ form: MultipartFile) {
      self.form = form
      body = form.body.makeAsyncIterator()
      // So that the first boundary looks like every other one.
      bytes = [13, 10]
    }

    /// - Throws: 400 for what is no such form, has not the file, or another checksum.
    mutating func next() async throws -> [UInt8]? {
      while true {
        switch place {
        case .before:
          guard let range = MultipartFile.range(of: form.delimiter, in: bytes) else {
            // A boundary may lie across two pieces.
            bytes.removeFirst(Swift.max(0, bytes.count - form.delimiter.count))
            try await more()
            continue
          }
          bytes.removeFirst(range.upperBound)
          place = .header
        case .header:
          if bytes.starts(with: [45, 45]) { throw form.failure("it has no file `\(form.name)`") }
          guard let range = MultipartFile.range(of: [13, 10, 13, 10], in: bytes) else {
            guard bytes.count <= Self.headerBytesMax else {
              throw form.failure("a part's header is too long")
            }
            try await more()
            continue
          }
          let header = String(decoding: bytes[..<range.lowerBound], as: UTF8.self).lowercased()
          bytes.removeFirst(range.upperBound)
          place = header.contains("name=\"\(form.name)\"") ? .file : .before
        case .file:
          if let range = MultipartFile.range(of: form.delimiter, in: bytes) {
            let last = Array(bytes[..<range.lowerBound])
            place = .end
            hash.update(data: last)
            if let wanted = form.checksum {
              try QdrantOperations.require(
                wanted, hash.finalize().map { String(UInt32($0) + 256, radix: 16).dropFirst() }.joined())
            }
            if !last.isEmpty { return last }
            continue
          }
          let count = bytes.count - form.delimiter.count
          guard count > 0 else {
            try await more()
            continue
          }
          let piece = Array(bytes[..<count])
          bytes.removeFirst(count)
          hash.update(data: piece)
          return piece
        case .end: return nil
        }
      }
    }

    private mutating func more() async throws {
      guard let piece = try await body.next() else { throw form.failure("it ends before its end") }
      bytes += piece
    }
  }

  func makeAsyncIterator() -> AsyncIterator { AsyncIterator(self) }

  fileprivate var delimiter: [UInt8] { [13, 10, 45, 45] + boundary }

  fileprivate func failure(_ text: String) -> QdrantError { .badRequest("the form cannot be read: \(text)") }

  /// By its first byte, which is rare.
  fileprivate static func range(of pattern: [UInt8], in bytes: [UInt8]) -> Range<Int>? {
    bytes.withUnsafeBufferPointer { bytes in
      guard bytes.count >= pattern.count else { return nil }
      for place in 0...(bytes.count - pattern.count) where bytes[place] == pattern[0] {
        if pattern.indices.allSatisfy({ bytes[place + $0] == pattern[$0] }) {
          return place..<place + pattern.count
        }
      }
      return nil
    }
  }
}

/// The header of a form.
enum MultipartForm {
  /// What divides the parts, of the header `Content-Type`.
  ///
  /// - Returns: `nil` for another type, and where it is missing or longer than may be.
  static func boundary(_ type: String) -> [UInt8]? {
    let parts = type.split(separator: ";").map { $0.drop { $0 == " " } }
    guard parts.first?.lowercased() == "multipart/form-data" else { return nil }
    for part in parts.dropFirst() where part.lowercased().hasPrefix("boundary=") {
      let value = part.dropFirst("boundary=".count).filter { $0 != "\"" }
      return (1...70).contains(value.utf8.count) ? Array(value.utf8) : nil
    }
    return nil
  }
}
