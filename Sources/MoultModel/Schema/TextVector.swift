/// A sparse vector that the server makes of each point's text, by BM25, and keeps in the point's payload.
///
/// It is the server's alone: whatever is written, a point has the vector of its present text, and without a text none.
public struct TextVector: Sendable, Codable, Equatable {
  /// What of BM25 is stored with a vector; see `TextWeighting` for the meaning and for all that is fixed here.
  public struct Weights: Sendable, Codable, Equatable {
    /// At least 0 and at most 100.
    public var k: Double
    /// 0 … 1.
    public var b: Double
    /// Words of a text on average, 0.001 … 10⁹.
    public var averageLength: Double

    public init(k: Double = 1.2, b: Double = 0.75, averageLength: Double = 256) {
      self.k = k
      self.b = b
      self.averageLength = averageLength
    }

    public var weighting: TextWeighting {
      var weighting = TextWeighting()
      (weighting.k, weighting.b, weighting.averageLength) = (k, b, averageLength)
      return weighting
    }

    /// - Throws: `invalidArgument`.
    public func validate() throws(MoultError) {
      guard (0...100).contains(k), (0...1).contains(b), (1e-3...1e9).contains(averageLength) else {
        throw MoultError(
          .invalidArgument,
          "BM25 takes k in 0 … 100, b in 0 … 1 and averageLength in 0.001 … 10⁹, got \(k), \(b) and \(averageLength)"
        )
      }
    }
  }

  public var name: String
  /// The member of payloads that holds it: base64 of pairs of a 32-bit index and a float32, little-endian.
  public var member: String
  /// A ``TextTemplate``.
  public var template: String
  /// Whether a field of the template that is missing counts as an empty text.
  public var fillsMissing: Bool
  public var weights: Weights
  /// Whether all points that were there when it was made have theirs.
  public var isFilled: Bool

  public init(
    name: String, member: String, template: String, fillsMissing: Bool, weights: Weights,
    isFilled: Bool = false
  ) {
    self.name = name
    self.member = member
    self.template = template
    self.fillsMissing = fillsMissing
    self.weights = weights
    self.isFilled = isFilled
  }

  /// Whether both make the same vectors of the same points.
  public func isSame(as other: TextVector) -> Bool {
    name == other.name && template == other.template && fillsMissing == other.fillsMissing
      && weights == other.weights
  }

  // MARK: Payloads

  /// What members of payloads begin with that hold such vectors; a number follows. *It is in stored data.*
  public static let memberPrefix = "$sparse:t"

  public static func isMember(_ key: some StringProtocol) -> Bool {
    let number = key.utf8.dropFirst(memberPrefix.utf8.count)
    return key.utf8.starts(with: memberPrefix.utf8) && !number.isEmpty
      && number.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
  }

  /// A payload without such members; everything else stays as it is, byte for byte.
  ///
  /// - Parameter payload: an object of JSON that was checked, or nothing.
  /// - Returns: an empty text where nothing else is left.
  /// - Complexity: O(n).
  public static func plain(_ payload: String) -> String {
    // A name may be written with escapes.
    guard payload.utf8.contains(where: { $0 == UInt8(ascii: "$") || $0 == UInt8(ascii: "\\") }) else {
      return payload
    }
    var payload = payload
    return payload.withUTF8 { bytes in (try? kept(of: bytes)) ?? nil } ?? payload
  }

  /// - Returns: `nil` where nothing is taken out.
  private static func kept(of bytes: UnsafeBufferPointer<UInt8>) throws(JSONError) -> String? {
    var scanner = JSONScanner(bytes)
    scanner.skipWhitespace()
    guard scanner.current == UInt8(ascii: "{") else { return nil }
    try scanner.enter(JSONText.depthMax)
    guard scanner.current != UInt8(ascii: "}") else { return nil }
    var (kept, hidden): ([Range<Int>], [Range<Int>]) = ([], [])
    repeat {
      let start = scanner.offset
      let hasEscapes = try scanner.scanString()
      let isHidden = isMember(scanner.string(from: start, hasEscapes: hasEscapes))
      try scanner.scanColon()
      try scanner.skipValue(depthLeft: JSONText.depthMax)
      if isHidden { hidden.append(start..<scanner.offset) } else { kept.append(start..<scanner.offset) }
    } while try scanner.anotherElement(closing: UInt8(ascii: "}"))
    guard let first = hidden.first, let last = hidden.last else { return nil }
    guard let lastKept = kept.last else { return "" }
    if lastKept.upperBound < first.lowerBound,
      let comma = (lastKept.upperBound..<first.lowerBound).first(where: { bytes[$0] == UInt8(ascii: ",") })
    {
      // As `adding` puts them: what stood there before comes back with its white space.
      return String(decoding: bytes[..<comma], as: UTF8.self)
        + String(decoding: bytes[last.upperBound...], as: UTF8.self)
    }
    var plain: [UInt8] = [UInt8(ascii: "{")]
    plain.reserveCapacity(bytes.count)
    for (place, range) in kept.enumerated() {
      if place > 0 { plain.append(UInt8(ascii: ",")) }
      plain += bytes[range]
    }
    plain.append(UInt8(ascii: "}"))
    return String(decoding: plain, as: UTF8.self)
  }

  /// A payload with members behind its own.
  ///
  /// - Parameters:
  ///   - members: names and texts that need no escaping.
  ///   - payload: an object of JSON without these members, or nothing.
  public static func adding(_ members: [(name: String, text: String)], to payload: String) -> String {
    guard !members.isEmpty else { return payload }
    let added = members.map { "\"\($0.name)\":\"\($0.text)\"" }.joined(separator: ",")
    let bytes = payload.utf8
    guard let brace = bytes.lastIndex(of: UInt8(ascii: "}")) else { return "{" + added + "}" }
    let head = bytes[..<brace]
    let white: Set<UInt8> = [0x20, 0x09, 0x0A, 0x0D]
    let isEmpty = head.last { !white.contains($0) } == UInt8(ascii: "{")
    return String(decoding: head, as: UTF8.self) + (isEmpty ? "" : ",") + added + "}"
  }
}

/// The vectors that a collection's points are given by the server.
public struct TextVectors: Sendable, Codable, Equatable {
  /// How many there ever were: each has a member of payloads that none had before.
  public var made: Int
  public var vectors: [TextVector]

  /// At most.
  public static let countMax = 16

  public init(made: Int = 0, vectors: [TextVector] = []) {
    self.made = made
    self.vectors = vectors
  }

  public subscript(name: String) -> TextVector? { vectors.first { $0.name == name } }
}
