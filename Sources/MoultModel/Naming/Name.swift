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

  /// The database that a collection or alias belongs to, and its name there: `database.name`, where Milvus' clients
  /// made it in a database of their own; all others belong to ``defaultDatabase``.
  public static func parts(of text: String) -> (database: String, name: String) {
    guard let dot = text.utf8.firstIndex(of: separator) else { return (defaultDatabase, text) }
    return (String(text[..<dot]), String(text[text.utf8.index(after: dot)...]))
  }

  /// What a collection or alias of a database is called where there are others: the opposite of ``parts(of:)``.
  public static func qualified(_ name: String, in database: String) -> String {
    database == defaultDatabase ? name : "\(database).\(name)"
  }

  /// The database of names that say none.
  public static let defaultDatabase = "default"
  private static let separator = UInt8(ascii: ".")

  /// - Throws: `invalidArgument`: an alias belongs to the database of its collection.
  public static func requireSameDatabase(alias: String, collection: String) throws(MoultError) {
    guard parts(of: alias).database != parts(of: collection).database else { return }
    throw MoultError(
      .invalidArgument,
      "alias '\(alias)' and collection '\(collection)' belong to different databases; an alias belongs to its collection's"
    )
  }

  /// As ``fault(of:)``, for names that may say a database.
  public static func faultOfQualified(_ text: String) -> Fault? {
    guard text.utf8.contains(separator) else { return fault(of: text) }
    let (database, name) = parts(of: text)
    // Nothing has two names.
    if database == defaultDatabase { return .badCharacter }
    return fault(of: database) ?? fault(of: name)
  }

  /// - Throws: `invalidArgument` naming the rule that is broken.
  public static func validateQualified(_ text: String, what: String) throws(MoultError) {
    guard faultOfQualified(text) != nil else { return }
    let (database, name) = parts(of: text)
    guard text.utf8.contains(separator) else { return try validate(text, what: what) }
    guard database != defaultDatabase else {
      throw MoultError(
        .invalidArgument,
        "\(what) name '\(text.prefix(300))': the database 'default' is not named; use '\(name)'")
    }
    try validate(database, what: "database")
    try validate(name, what: what)
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
