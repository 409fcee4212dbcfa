/// A JSON value.
///
/// Integers keep all 64 bits, objects keep the order of their members. Arrays of numbers under names that
/// the reader was told about are ``floats(_:)``; everything else is plain JSON.
package enum JSON: Sendable, Equatable {
  case null
  case bool(Bool)
  /// A number without fraction and exponent that fits 64 bits.
  case int(Int64)
  /// A number without fraction and exponent from 2⁶³ to 2⁶⁴ − 1, where the reader was told to keep those; elsewhere
  /// they are doubles.
  case large(UInt64)
  /// Any other number; always finite.
  case double(Double)
  case string(String)
  case array([JSON])
  case object(JSONObject)
  /// A non-empty array of nothing but numbers, each rounded correctly to float32.
  case floats([Float])
}

/// Members in the order of the text; each name stands once.
package struct JSONObject: Sendable {
  package struct Member: Sendable {
    package var key: String
    package var value: JSON
    /// Where the value's text stands in the bytes that were parsed: to store a payload's member as it
    /// came. Empty when the member was made by hand.
    package var text: Range<Int>

    package init(key: String, value: JSON, text: Range<Int> = 0..<0) {
      self.key = key
      self.value = value
      self.text = text
    }
  }

  package private(set) var members: [Member]

  /// - Parameter members: of members with the same name the last one's value stays, at the first one's place.
  package init(_ members: [Member] = []) {
    self.members = members
    removeDuplicates()
  }

  /// Whether and what is there under this name; setting `nil` removes the member.
  ///
  /// - Complexity: O(members).
  package subscript(key: String) -> JSON? {
    get { members.first { $0.key == key }?.value }
    set {
      let index = members.firstIndex { $0.key == key }
      switch (index, newValue) {
      case (let index?, let value?): members[index] = Member(key: key, value: value)
      case (let index?, nil): members.remove(at: index)
      case (nil, let value?): members.append(Member(key: key, value: value))
      case (nil, nil): break
      }
    }
  }

  package func member(_ key: String) -> Member? { members.first { $0.key == key } }

  private mutating func removeDuplicates() {
    // Below some twenty members comparing all pairs is faster than hashing; above it hashing keeps a hostile
    // object of a million names from costing a million squared.
    if members.count <= 20 {
      let isUnique = members.indices.allSatisfy { index in
        !members[..<index].contains { $0.key == members[index].key }
      }
      if isUnique { return }
    }
    var placeOfKey = [String: Int](minimumCapacity: members.count)
    var unique: [Member] = []
    unique.reserveCapacity(members.count)
    for member in members {
      if let place = placeOfKey[member.key] {
        unique[place] = member
      } else {
        placeOfKey[member.key] = unique.count
        unique.append(member)
      }
    }
    members = unique
  }
}

extension JSONObject: Equatable {
  /// The same names with equal values in the same order; where they stood does not count.
  package static func == (left: JSONObject, right: JSONObject) -> Bool {
    left.members.elementsEqual(right.members) { $0.key == $1.key && $0.value == $1.value }
  }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
  package init(dictionaryLiteral elements: (String, JSON)...) {
    self.init(elements.map { Member(key: $0.0, value: $0.1) })
  }
}

extension JSON {
  /// The member of an object; `nil` for other kinds.
  package subscript(key: String) -> JSON? { object?[key] }

  package var object: JSONObject? {
    if case .object(let value) = self { value } else { nil }
  }

  package var string: String? {
    if case .string(let value) = self { value } else { nil }
  }

  package var bool: Bool? {
    if case .bool(let value) = self { value } else { nil }
  }

  package var int: Int64? {
    if case .int(let value) = self { value } else { nil }
  }

  /// Any number.
  package var double: Double? {
    switch self {
    case .int(let value): Double(value)
    case .large(let value): Double(value)
    case .double(let value): value
    case .null, .bool, .string, .array, .object, .floats: nil
    }
  }

  /// Any array. Elements of ``floats(_:)`` come as doubles: integers above 2²⁴ were rounded already.
  package var array: [JSON]? {
    switch self {
    case .array(let values): values
    case .floats(let values): values.map { .double(Double($0)) }
    case .null, .bool, .int, .large, .double, .string, .object: nil
    }
  }

  /// Any array of nothing but numbers that float32 can hold.
  ///
  /// An array that was read under another name than the reader's `floatKeys` is rounded twice, to double
  /// and to float: one value in about 2²⁹ differs in its last bit from the correctly rounded one.
  package var floats: [Float]? {
    switch self {
    case .floats(let values): return values
    case .array(let values):
      var floats: [Float] = []
      floats.reserveCapacity(values.count)
      for value in values {
        guard let double = value.double, Float(double).isFinite else { return nil }
        floats.append(Float(double))
      }
      return floats
    case .null, .bool, .int, .large, .double, .string, .object: return nil
    }
  }

  /// The kind with its article, for messages: "expected an array, got \(value.kind)".
  package var kind: String {
    switch self {
    case .null: "null"
    case .bool: "a boolean"
    case .int, .large: "an integer"
    case .double: "a number"
    case .string: "a string"
    case .array, .floats: "an array"
    case .object: "an object"
    }
  }
}
