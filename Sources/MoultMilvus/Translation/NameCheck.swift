internal import MoultModel

/// The rule for names in the words of Milvus.
enum NameCheck {
  static func collection(_ name: String) throws {
    try check(name, "collection name", "Invalid collection name")
  }
  static func field(_ name: String) throws { try check(name, "field name", "Invalid field name") }
  static func alias(_ name: String) throws { try check(name, "collection alias", "Invalid collection alias") }

  /// These may begin with a digit, and have hyphens.
  static func partition(_ name: String) throws {
    let bytes = name.utf8
    guard !bytes.isEmpty else { throw MilvusError.invalidParameter("partition name should not be empty") }
    guard bytes.count <= Name.lengthMax else {
      throw MilvusError.invalidParameter(
        "Invalid partition name: \(name). the length of a partition name must be less than 255 characters")
    }
    let isLegal = bytes.allSatisfy { byte in
      (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte)
        || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
    }
    guard isLegal, bytes.first != UInt8(ascii: "-") else {
      throw MilvusError.invalidParameter(
        "Invalid partition name: \(name). partition name can only contain numbers, letters, underscores and hyphens"
      )
    }
  }

  /// 802 where others have 1100.
  static func database(_ name: String) throws {
    let text: String
    switch Name.fault(of: name) {
    case nil: return
    case .empty: text = "database name couldn't be empty"
    case .tooLong: text = "the length of a database name must be less than 255 characters"
    case .badFirstCharacter: text = "the first character of a database name must be an underscore or letter"
    case .badCharacter: text = "database name can only contain numbers, letters and underscores"
    }
    throw MilvusError(
      code: MilvusError.Code.databaseNameInvalid, message: "\(text): invalid database name[database=\(name)]")
  }

  private static func check(_ name: String, _ what: String, _ opening: String) throws {
    switch Name.fault(of: name) {
    case nil: return
    case .empty: throw MilvusError.invalidParameter("\(what) should not be empty")
    case .tooLong:
      throw MilvusError.invalidParameter(
        "\(opening): \(name). the length of a \(what) must be less than 255 characters")
    case .badFirstCharacter:
      throw MilvusError.invalidParameter(
        "\(opening): \(name). the first character of a \(what) must be an underscore or letter")
    case .badCharacter:
      throw MilvusError.invalidParameter(
        "\(opening): \(name). \(what) can only contain numbers, letters and underscores")
    }
  }
}
