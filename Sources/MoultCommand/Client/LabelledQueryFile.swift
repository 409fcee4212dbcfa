internal import MoultFiles
internal import MoultModel
internal import MoultServer

/// Queries whose right answers are known: one JSON object a line, plain or gzip, such as
/// `{"text": "a small wild cat", "relevant": [17, 23]}`; `id` or `row` in place of `relevant` for one answer. Other
/// members are passed over.
enum LabelledQueryFile {
  /// - Throws: `invalidArgument` naming the line that is none.
  static func read(_ path: String) throws -> [LabelledQuery] {
    let reader = try JSONLinesReader(path: path)
    var queries: [LabelledQuery] = []
    while let line = try reader.next() {
      guard queries.count < LabelledQuery.countMax else {
        throw MoultError(.tooLarge, "'\(path)' has more than \(LabelledQuery.countMax) labelled queries")
      }
      let json = try JSONReader.parse(Array(line.utf8))
      let answers = json["relevant"]?.array ?? [json["id"] ?? json["row"]].compactMap { $0 }
      let relevant = answers.compactMap { answer -> PointID? in
        switch answer {
        case .int(let number): .int64(number)
        case .string(let text): .string(text)
        default: nil
        }
      }
      guard let text = json["text"]?.string, !relevant.isEmpty, relevant.count == answers.count else {
        throw MoultError(
          .invalidArgument,
          "'\(path)' line \(reader.lineNumber): expected a text and the ids that it should find, such as "
            + "{\"text\": \"a small wild cat\", \"relevant\": [17]}; got '\(line.prefix(100))'")
      }
      queries.append(LabelledQuery(text: text, relevant: relevant))
    }
    return queries
  }
}
