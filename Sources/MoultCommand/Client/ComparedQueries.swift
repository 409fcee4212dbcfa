internal import Foundation
internal import MoultModel
internal import NIOCore

/// What `moult compare` asks both sides, as the API takes it; all `nil` for the latest searches.
struct ComparedQueries {
  struct Vectors: Encodable {
    var dimension: Int
    /// Little-endian float32, row after row.
    var base64: String

    init(_ queries: QuerySet) {
      dimension = queries.dimension
      base64 = Data(queries.bytes(of: 0..<queries.count).readableBytesView).base64EncodedString()
    }
  }

  var queries: Vectors?
  var queriesOfB: Vectors?
  var texts: [String]?
  var relevant: [[PointID]]?
  /// Of the latest searches, so many.
  var recent: Int?

  init(path: String?, pathOfB: String?, first: Int?) throws {
    guard let path else {
      recent = first
      return
    }
    guard path.hasSuffix(".jsonl") || path.hasSuffix(".jsonl.gz") else {
      queries = Vectors(try QuerySet(path: path, first: first))
      queriesOfB = try pathOfB.map { Vectors(try QuerySet(path: $0, first: first)) }
      return
    }
    guard pathOfB == nil else {
      throw CommandFailure(
        .usage, "--queries-of-b is about vectors; '\(path)' holds texts, which both models embed")
    }
    let labelled = try LabelledQueryFile.read(path)
    let used = labelled.prefix(first ?? labelled.count)
    texts = used.map(\.text)
    relevant = used.map(\.relevant)
  }
}
