internal import MoultModel
internal import MoultServer

/// `random_score` of a boost: a number from 0 to below 1 for each hit, the same for the same seed and value.
struct RandomScore {
  var seed: UInt64
  /// Whose value tells hits apart; the key without one.
  var field: String?

  /// - Parameter text: JSON.
  init(_ text: String) throws(MilvusError) {
    guard let object = (try? JSONReader.parse(text))?.object,
      object.members.allSatisfy({ ["seed", "field"].contains($0.key) })
    else {
      throw .invalidParameter(
        "random_score takes an object with seed and field, got \(text.prefix(100))")
    }
    switch object["seed"] {
    case nil: seed = .random(in: 0...UInt64.max)
    case .int(let number): seed = UInt64(bitPattern: number)
    case .string(let text) where Int64(text) != nil: seed = UInt64(bitPattern: Int64(text) ?? 0)
    case let other?:
      throw .invalidParameter("seed of random_score should be an integer, got \(other.kind)")
    }
    switch object["field"] {
    case nil: break
    case .string(let name): field = name
    case let other?: throw .invalidParameter("field of random_score should be a name, got \(other.kind)")
    }
  }

  /// - Parameter key: the name of the primary field.
  func value(_ hit: FoundPoints.Hit, key: String) -> Float {
    var text = hit.id.description
    if let field, field != key {
      var json = JSONWriter(capacity: 32)
      // It was checked when it was stored.
      json.value((try? JSONReader.parse(hit.payload ?? "{}"))?.object?[field] ?? .null)
      text = String(decoding: json.bytes, as: UTF8.self)
    }
    var state = seed
    for byte in text.utf8 { state = Self.mixed(state ^ UInt64(byte)) }
    // The upper 24 bits: as many as a float32 below 1 can tell apart.
    return Float(Self.mixed(state) >> 40) / Float(1 << 24)
  }

  /// The step of SplitMix64 (Steele, Lea, Flood 2014).
  private static func mixed(_ state: UInt64) -> UInt64 {
    var z = state &+ 0x9E37_79B9_7F4A_7C15
    z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
    return z ^ z >> 31
  }
}
