import Foundation
import GRDB
import MoultModel

/// What filters ask of single values and SQLite cannot answer: functions of their arguments alone.
enum PointFunctions {
  /// Adds them to a connection.
  static func add(to db: Database) {
    // Microseconds, or NULL for a text that says no time.
    db.add(
      function: DatabaseFunction("moult_time", argumentCount: 1, pure: true) { values in
        String.fromDatabaseValue(values[0]).flatMap(Timestamp.microseconds)
      })
    // Of a text, words with spaces between them, and the number of a rule.
    db.add(
      function: DatabaseFunction("moult_has_words", argumentCount: 3, pure: true) { values in
        guard let text = String.fromDatabaseValue(values[0]), let words = String.fromDatabaseValue(values[1]),
          let rule = Int.fromDatabaseValue(values[2]).flatMap(WordMatch.Rule.init)
        else { return false }
        return WordMatch.holds(rule, words.split(separator: " "), in: text)
      })
    // Of an area's bytes, latitude and longitude.
    db.add(
      function: DatabaseFunction("moult_contains", argumentCount: 3, pure: true) { values in
        guard let bytes = Data.fromDatabaseValue(values[0]), let area = area(of: bytes),
          let latitude = Double.fromDatabaseValue(values[1]),
          let longitude = Double.fromDatabaseValue(values[2])
        else { return false }
        return area.contains(GeoPoint(latitude: latitude, longitude: longitude))
      })
    // Of an id and the number of slices.
    db.add(
      function: DatabaseFunction("moult_slice", argumentCount: 2, pure: true) { values in
        guard let count = Int64.fromDatabaseValue(values[1]).map(UInt64.init(bitPattern:)), count > 0 else {
          return nil
        }
        return Int64(bitPattern: SipHash.hash(idBytes(values[0])) % count)
      })
  }

  private static func idBytes(_ id: DatabaseValue) -> [UInt8] {
    switch id.storage {
    case .int64(let number): return withUnsafeBytes(of: number.littleEndian, Array.init)
    case .string(let text):
      guard let uuid = UUID(uuidString: text)?.uuid else { return Array(text.utf8) }
      return withUnsafeBytes(of: uuid, Array.init)
    case .blob(let data): return Array(data)
    case .double, .null: return []
    }
  }

  // MARK: Areas as bytes: a number of the kind, then doubles; of a polygon each ring begins with its number of corners.

  static func bytes(of area: GeoArea) -> Data {
    let numbers: [Double]
    switch area {
    case .box(let south, let west, let north, let east): numbers = [0, south, west, north, east]
    case .circle(let centre, let radius): numbers = [1, centre.latitude, centre.longitude, radius]
    case .polygon(let polygon):
      numbers =
        [2]
        + polygon.rings.flatMap { [Double($0.count)] + $0.flatMap { [$0.latitude, $0.longitude] } }
    }
    return numbers.withUnsafeBytes { Data($0) }
  }

  /// The opposite of ``bytes(of:)``, which alone has written them.
  private static func area(of data: Data) -> GeoArea? {
    let numbers = data.withUnsafeBytes { bytes in
      (0..<bytes.count / 8).map { bytes.loadUnaligned(fromByteOffset: 8 * $0, as: Double.self) }
    }
    switch (numbers.first, numbers.count) {
    case (0, 5): return .box(south: numbers[1], west: numbers[2], north: numbers[3], east: numbers[4])
    case (1, 4):
      return .circle(GeoPoint(latitude: numbers[1], longitude: numbers[2]), radius: numbers[3])
    case (2, _):
      var rings: [[GeoPoint]] = []
      var place = 1
      while place < numbers.count {
        let count = Int(numbers[place])
        rings.append(
          (0..<count).map {
            GeoPoint(latitude: numbers[place + 1 + 2 * $0], longitude: numbers[place + 2 + 2 * $0])
          })
        place += 1 + 2 * count
      }
      guard let outline = rings.first else { return nil }
      return .polygon(GeoPolygon(outline: outline, holes: Array(rings.dropFirst())))
    default: return nil
    }
  }
}

/// SipHash-2-4 without a key (Aumasson and Bernstein, 2012).
enum SipHash {
  static func hash(_ bytes: [UInt8]) -> UInt64 {
    var state: (UInt64, UInt64, UInt64, UInt64) = (
      0x736F_6D65_7073_6575, 0x646F_7261_6E64_6F6D, 0x6C79_6765_6E65_7261, 0x7465_6462_7974_6573
    )
    func word(_ bytes: some Sequence<UInt8>) -> UInt64 {
      zip(bytes, 0..<8).reduce(0) { $0 | UInt64($1.0) << UInt64(8 * $1.1) }
    }
    func take(_ word: UInt64) {
      state.3 ^= word
      for _ in 0..<2 { round(&state) }
      state.0 ^= word
    }
    let whole = bytes.count / 8 * 8
    for place in stride(from: 0, to: whole, by: 8) { take(word(bytes[place..<place + 8])) }
    take(word(bytes[whole...]) | UInt64(bytes.count & 0xFF) << 56)
    state.2 ^= 0xFF
    for _ in 0..<4 { round(&state) }
    return state.0 ^ state.1 ^ state.2 ^ state.3
  }

  private static func round(_ state: inout (UInt64, UInt64, UInt64, UInt64)) {
    func rotated(_ word: UInt64, _ count: UInt64) -> UInt64 { word << count | word >> (64 - count) }
    state.0 &+= state.1
    state.1 = rotated(state.1, 13) ^ state.0
    state.0 = rotated(state.0, 32)
    state.2 &+= state.3
    state.3 = rotated(state.3, 16) ^ state.2
    state.0 &+= state.3
    state.3 = rotated(state.3, 21) ^ state.0
    state.2 &+= state.1
    state.1 = rotated(state.1, 17) ^ state.2
    state.2 = rotated(state.2, 32)
  }
}
