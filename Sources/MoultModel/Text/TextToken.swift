/// A term of a text, and where it was found.
public struct TextToken: Sendable, Equatable {
  public var text: String
  /// Its place among those that the tokenizer cut out, from 0: a token that a filter leaves out leaves a gap, and parts of one
  /// have the same place.
  public var position: Int
  /// Where it stood, in bytes of UTF-8.
  public var bytes: Range<Int>

  public init(text: String, position: Int, bytes: Range<Int>) {
    self.text = text
    self.position = position
    self.bytes = bytes
  }
}
