internal import Foundation
internal import MoultModel

/// The answer to a request for embeddings:
/// `{"data": [{"index", "embedding": "base64" or […]}], "model", "usage": {"prompt_tokens", "total_tokens"}}`.
///
/// Read in one pass; members that are not known are passed over.
struct EmbeddingsAnswer {
  /// By place in the request; `nil` where the endpoint gave `null`.
  var vectors: [[Float]?]
  var model: String?
  var tokens: Int?

  /// What does not fit, as the end of a sentence that names the endpoint.
  struct Fault: Error {
    var reason: String
    /// Whether the beginning of the answer says more.
    var isOther = false
  }

  private struct Entry {
    var index: Int?
    var vector: [Float]?
    var hasEmbedding = false
  }

  private static let depthMax = 16
  /// Entries of one vector: as of a collection.
  private static let entriesMax = CollectionSchema.dimensionRange.upperBound

  /// - Parameter count: texts that were sent.
  /// - Throws: a `Fault`.
  static func parse(_ bytes: UnsafeRawBufferPointer, count: Int) throws(Fault) -> EmbeddingsAnswer {
    var scanner = JSONScanner(bytes.assumingMemoryBound(to: UInt8.self))
    do {
      return try answer(&scanner, count: count)
    } catch let fault as Fault {
      throw fault
    } catch {
      throw Fault(
        reason: "answered with something that is not the JSON of embeddings (\(error)); check its url",
        isOther: true)
    }
  }

  private static func answer(_ scanner: inout JSONScanner, count: Int) throws -> EmbeddingsAnswer {
    var entries: [Entry]?
    var answer = EmbeddingsAnswer(vectors: [], model: nil, tokens: nil)
    try object(&scanner) { name, scanner in
      switch name {
      case "data": entries = try data(&scanner, count: count)
      case "model": answer.model = try text(&scanner)
      case "usage": answer.tokens = try usage(&scanner)
      default: try scanner.skipValue(depthLeft: depthMax)
      }
    }
    try scanner.finish()
    guard let entries else { throw Fault(reason: "answered without \"data\"; check its url") }
    guard entries.count == count else {
      throw Fault(reason: "gave \(entries.count) vectors for \(count) texts")
    }
    var vectors = [[Float]?](repeating: nil, count: count)
    var isSeen = [Bool](repeating: false, count: count)
    for (place, entry) in entries.enumerated() {
      let index = entry.index ?? place
      guard (0..<count).contains(index), !isSeen[index], entry.hasEmbedding else {
        throw Fault(
          reason: entry.hasEmbedding
            ? "gave a vector for text \(index), which \((0..<count).contains(index) ? "has one already" : "was not sent")"
            : "gave an entry without \"embedding\"")
      }
      isSeen[index] = true
      vectors[index] = entry.vector
    }
    answer.vectors = vectors
    return answer
  }

  private static func data(_ scanner: inout JSONScanner, count: Int) throws -> [Entry] {
    var entries: [Entry] = []
    try array(&scanner) { scanner in
      var entry = Entry()
      try object(&scanner) { name, scanner in
        switch name {
        case "index": entry.index = try integer(&scanner)
        case "embedding":
          entry.hasEmbedding = true
          entry.vector = try vector(&scanner)
        default: try scanner.skipValue(depthLeft: depthMax)
        }
      }
      guard entries.count < count else {
        throw Fault(reason: "gave more vectors than the \(count) texts sent")
      }
      entries.append(entry)
    }
    return entries
  }

  private static func usage(_ scanner: inout JSONScanner) throws -> Int? {
    guard scanner.current == UInt8(ascii: "{") else {
      try scanner.skipValue(depthLeft: depthMax)
      return nil
    }
    var prompt: Int?
    var total: Int?
    try object(&scanner) { name, scanner in
      switch name {
      case "prompt_tokens": prompt = try integer(&scanner)
      case "total_tokens": total = try integer(&scanner)
      default: try scanner.skipValue(depthLeft: depthMax)
      }
    }
    return [total, prompt].compactMap { $0 }.first { $0 > 0 }
  }

  // MARK: Values

  private static func vector(_ scanner: inout JSONScanner) throws -> [Float]? {
    switch scanner.current {
    case UInt8(ascii: "n"):
      try scanner.scanWord("null")
      return nil
    case UInt8(ascii: "\""):
      let start = scanner.offset
      let hasEscapes = try scanner.scanString()
      // A solidus may be escaped.
      var text = hasEscapes ? scanner.string(from: start, hasEscapes: true) : ""
      let raw = UnsafeBufferPointer(start: scanner.base + start + 1, count: scanner.offset - start - 2)
      guard let floats = hasEscapes ? text.withUTF8({ Base64Floats.decode($0) }) : Base64Floats.decode(raw),
        floats.count <= entriesMax
      else { throw Fault(reason: "gave a vector that is not base64 of float32") }
      return floats
    default:
      var floats: [Float] = []
      try array(&scanner) { scanner in
        guard floats.count < entriesMax else {
          throw Fault(reason: "gave a vector of more than \(entriesMax) entries")
        }
        floats.append(try float(&scanner))
      }
      return floats
    }
  }

  /// A number; also the words that some endpoints write for what is none.
  private static func float(_ scanner: inout JSONScanner) throws(JSONError) -> Float {
    let start = scanner.offset
    if scanner.current == UInt8(ascii: "N") {
      try scanner.scanWord("NaN")
      return .nan
    }
    if scanner.current == UInt8(ascii: "I") {
      try scanner.scanWord("Infinity")
      return .infinity
    }
    try scanner.scanNumber()
    // It is read up to the byte behind it, which an array that was cut off does not have.
    guard scanner.offset < scanner.count else { throw scanner.failure(expected: "',' or ']'") }
    return strtof(UnsafeRawPointer(scanner.base + start).assumingMemoryBound(to: CChar.self), nil)
  }

  private static func integer(_ scanner: inout JSONScanner) throws -> Int? {
    let start = scanner.offset
    guard scanner.current == UInt8(ascii: "-") || (0x30...0x39).contains(scanner.current) else {
      try scanner.skipValue(depthLeft: depthMax)
      return nil
    }
    try scanner.scanNumber()
    return Int(
      String(
        decoding: UnsafeBufferPointer(start: scanner.base + start, count: scanner.offset - start),
        as: UTF8.self))
  }

  private static func text(_ scanner: inout JSONScanner) throws(JSONError) -> String? {
    guard scanner.current == UInt8(ascii: "\"") else {
      try scanner.skipValue(depthLeft: depthMax)
      return nil
    }
    let start = scanner.offset
    let hasEscapes = try scanner.scanString()
    return scanner.string(from: start, hasEscapes: hasEscapes)
  }

  // MARK: Structure

  private static func object(
    _ scanner: inout JSONScanner, _ member: (String, inout JSONScanner) throws -> Void
  ) throws {
    scanner.skipWhitespace()
    guard scanner.current == UInt8(ascii: "{") else { throw scanner.failure(expected: "an object ('{')") }
    try scanner.enter(depthMax)
    if scanner.current == UInt8(ascii: "}") {
      scanner.offset += 1
      return
    }
    repeat {
      guard scanner.current == UInt8(ascii: "\"") else {
        throw scanner.failure(expected: "a member's name ('\"')")
      }
      let start = scanner.offset
      let hasEscapes = try scanner.scanString()
      let name = scanner.string(from: start, hasEscapes: hasEscapes)
      try scanner.scanColon()
      try member(name, &scanner)
    } while try scanner.anotherElement(closing: UInt8(ascii: "}"))
  }

  private static func array(_ scanner: inout JSONScanner, _ element: (inout JSONScanner) throws -> Void)
    throws
  {
    guard scanner.current == UInt8(ascii: "[") else { throw scanner.failure(expected: "an array ('[')") }
    try scanner.enter(depthMax)
    if scanner.current == UInt8(ascii: "]") {
      scanner.offset += 1
      return
    }
    repeat { try element(&scanner) } while try scanner.anotherElement(closing: UInt8(ascii: "]"))
  }
}
