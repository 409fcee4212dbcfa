internal import MoultModel
internal import MoultServer

/// The claims of a token whose signature is good, read with their types checked.
struct QdrantTokenClaims {
  private static let matchCountMax = 32
  private let object: JSONObject

  init(_ object: JSONObject) { self.object = object }

  subscript(name: String) -> JSON? {
    let value = object[name]
    return value == .null ? nil : value
  }

  /// Seconds since 1970.
  var expiry: Double? {
    get throws(MoultError) {
      guard let json = self["exp"] else { return nil }
      guard let seconds = json.double else {
        throw QdrantTokens.refusal("`exp` should be seconds since 1970, got \(json.kind)")
      }
      return seconds
    }
  }

  var condition: Claims.Condition? {
    get throws(MoultError) {
      guard let json = self["value_exists"] else { return nil }
      let wrong = QdrantTokens.refusal(
        "`value_exists` should be {\"collection\", \"matches\": [{\"key\", \"value\"}]} with 1 … "
          + "\(Self.matchCountMax) matches of strings, integers or booleans")
      guard let collection = json["collection"]?.string, let list = json["matches"]?.array,
        (1...Self.matchCountMax).contains(list.count)
      else { throw wrong }
      var matches: [Claims.Condition.Match] = []
      for match in list {
        guard let key = match["key"]?.string, QdrantPath(key) != nil, let value = match["value"] else {
          throw wrong
        }
        switch value {
        case .string, .int, .bool: matches.append(.init(key: key, value: value))
        default: throw wrong
        }
      }
      return Claims.Condition(collection: collection, matches: matches)
    }
  }

  /// `[{"collection", "access"}]`; of several for one collection the greatest counts.
  static func grants(_ list: [JSON]) throws(MoultError) -> [String: Claims.Grant] {
    var grants: [String: Claims.Grant] = [:]
    for json in list {
      guard let collection = json["collection"]?.string, let word = json["access"]?.string else {
        throw QdrantTokens.refusal("each entry of `access` should have `collection` and `access`")
      }
      // It would look as if it kept something from somebody.
      if let payload = json["payload"], payload != .null {
        throw QdrantTokens.refusal("`payload` of an entry of `access` is gone from Qdrant since 1.16")
      }
      let grant: Claims.Grant
      switch word {
      case "r": grant = .read
      case "prw": grant = .writePoints
      case "rw": grant = .write
      default:
        throw QdrantTokens.refusal(
          "`access` to a collection should be `r`, `rw` or `prw`, got `\(word.prefix(100))`")
      }
      grants[collection] = max(grant, grants[collection] ?? grant)
    }
    return grants
  }
}
