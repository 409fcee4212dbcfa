/// The rule for names of collections and aliases (Milvus' rule): 1 … 255 bytes, first an ASCII letter or
/// underscore, then also digits.
public enum Name {
  /// What `text` breaks of the rule, or `nil` when it is a name.
  public enum Fault: Sendable, Equatable {
    case empty
    case tooLong
    case badFirstCharacter
    case badCharacter
  }

  public static let lengthMax = 255

  public static func fault(of text: String) -> Fault? {
    let bytes = text.utf8
    guard let first = bytes.first else { return .empty }
    if bytes.count > lengthMax { return .tooLong }
    if !isLetter(first) { return .badFirstCharacter }
    if !bytes.allSatisfy({ isLetter($0) || (0x30...0x39).contains($0) }) { return .badCharacter }
    return nil
  }

  /// - Throws: `invalidArgument` naming the rule that is broken.
  public static func validate(_ text: String, what: String) throws(MoultError) {
    guard let fault = fault(of: text) else { return }
    let rule =
      switch fault {
      case .empty: "must not be empty"
      case .tooLong: "must be at most \(lengthMax) bytes, got \(text.utf8.count)"
      case .badFirstCharacter: "must begin with an ASCII letter or underscore"
      case .badCharacter: "may hold only ASCII letters, digits and underscores"
      }
    throw MoultError(.invalidArgument, "\(what) name '\(text.prefix(300))' \(rule)")
  }

  private static func isLetter(_ byte: UInt8) -> Bool {
    (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || byte == 0x5F
  }
}
