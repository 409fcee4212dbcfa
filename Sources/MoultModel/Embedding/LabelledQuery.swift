/// A text that is searched for, and the points that it should find.
public struct LabelledQuery: Sendable, Equatable {
  public var text: String
  /// At least one, in no order.
  public var relevant: [PointID]

  /// Of one job, and points of one query, at most.
  public static let countMax = 10_000
  public static let relevantMax = 1_000
  public static let textBytesMax = 65_536

  public init(text: String, relevant: [PointID]) {
    self.text = text
    self.relevant = relevant
  }

  /// - Throws: `invalidArgument` naming the query, from 1, that is out of range.
  public static func validate(_ queries: [LabelledQuery]) throws(MoultError) {
    guard queries.count <= countMax else {
      throw MoultError(.invalidArgument, "at most \(countMax) labelled queries, got \(queries.count)")
    }
    for (place, query) in queries.enumerated() {
      guard !query.text.isEmpty, query.text.utf8.count <= textBytesMax,
        (1...relevantMax).contains(query.relevant.count)
      else {
        throw MoultError(
          .invalidArgument,
          "labelled query \(place + 1): expected a text of 1 … \(textBytesMax) bytes and 1 … \(relevantMax) relevant "
            + "points, got \(query.text.utf8.count) bytes and \(query.relevant.count) points")
      }
    }
  }
}

extension LabelledQuery: Codable {
  private enum CodingKeys: String, CodingKey {
    case text, relevant
  }

  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    text = try values.decode(String.self, forKey: .text)
    var ids = try values.nestedUnkeyedContainer(forKey: .relevant)
    relevant = []
    while !ids.isAtEnd {
      if let number = try? ids.decode(Int64.self) {
        relevant.append(.int64(number))
      } else {
        relevant.append(.string(try ids.decode(String.self)))
      }
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: CodingKeys.self)
    try values.encode(text, forKey: .text)
    var ids = values.nestedUnkeyedContainer(forKey: .relevant)
    for id in relevant {
      switch id {
      case .int64(let number): try ids.encode(number)
      case .string(let text): try ids.encode(text)
      }
    }
  }
}
