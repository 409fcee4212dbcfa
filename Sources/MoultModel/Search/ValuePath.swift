/// Where values of a payload are, with arrays on the way: steps from the outermost object inwards.
public struct ValuePath: Sendable, Hashable {
  public enum Step: Sendable, Hashable {
    /// A member of an object.
    case name(ExactText)
    /// An element of an array, counted from 0.
    case index(UInt64)
    /// Every element of an array.
    case each
  }

  public var steps: [Step]

  public init(_ steps: [Step]) { self.steps = steps }

  /// Steps at most.
  public static let stepCountMax = 32
}

/// A text that equals only texts of the same bytes: Unicode's canonical equivalence would make one of what payloads
/// hold as two.
public struct ExactText: Sendable, Hashable, ExpressibleByStringLiteral {
  public var text: String

  public init(_ text: String) { self.text = text }
  public init(stringLiteral text: String) { self.text = text }

  public static func == (left: ExactText, right: ExactText) -> Bool {
    left.text.utf8.elementsEqual(right.text.utf8)
  }

  public func hash(into hasher: inout Hasher) {
    var text = text
    text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    hasher.combine(0xFF as UInt8)
  }
}
