internal import Foundation
internal import MoultEngine
internal import MoultFiles
internal import MoultModel
internal import Synchronization

/// A file of vectors by the ids of points, for those who embed elsewhere: the "text" of a point is its id.
struct VectorFileEmbedding: TextEmbedding {
  let identity: String
  private let file: VectorFile
  private let rows: Rows

  private enum Rows: Sendable {
    case integers([Int64: Int])
    case texts([String: Int])

    subscript(id: String) -> Int? {
      switch self {
      case .integers(let rows): Int64(id).flatMap { rows[$0] }
      case .texts(let rows): rows[id]
      }
    }

    var count: Int {
      switch self {
      case .integers(let rows): rows.count
      case .texts(let rows): rows.count
      }
    }
  }

  /// - Parameters:
  ///   - vectors: path of a `.npy` or `.fvecs` file.
  ///   - ids: path of a `.npy` file of integers, or of a text file with one id a line.
  /// - Throws: `dimensionMismatch`, `invalidArgument` when there are not as many ids as vectors, or one stands twice.
  init(_ embedder: Embedder, vectors: String, ids: String) throws {
    file = try VectorFile(path: vectors)
    guard file.dimension == embedder.dimension else {
      throw MoultError(
        .dimensionMismatch,
        "'\(embedder.vectors ?? "")' has \(file.dimension)-dimensional vectors; embedder '\(embedder.name)' says "
          + "\(embedder.dimension)")
    }
    rows = try Self.rows(ids)
    guard rows.count == file.rowCount else {
      throw MoultError(
        .invalidArgument,
        "'\(embedder.ids ?? "")' names \(rows.count) different points, and '\(embedder.vectors ?? "")' has "
          + "\(file.rowCount) vectors; there must be one each")
    }
    identity = "file:\(Self.state(of: vectors))/\(file.rowCount)/\(file.dimension)/\(Self.state(of: ids))"
  }

  /// Other for another file, and for one that was written since. Which vector is whose, the file of ids says.
  private static func state(of path: String) -> String {
    let attributes = try? FileManager.default.attributesOfItem(atPath: path)
    let changed = (attributes?[.modificationDate] as? Date)?.timeIntervalSince1970 ?? 0
    return "\(path)/\((attributes?[.size] as? NSNumber)?.int64Value ?? 0)/\(changed)"
  }

  private static func rows(_ path: String) throws -> Rows {
    if path.hasSuffix(".npy") {
      let file = try NumpyFile(path: path)
      guard !file.header.element.isFloat, file.columnCount == 1 else {
        throw MoultError(
          .unsupported, "ids are a .npy file of one integer a row, or a text file with one a line")
      }
      let ids = try file.readIntegers(0..<file.rowCount)
      return .integers(Dictionary(zip(ids, 0...)) { first, _ in first })
    }
    let text = try String(contentsOfFile: path, encoding: .utf8)
    let ids = text.split(separator: "\n").map { $0.last == "\r" ? String($0.dropLast()) : String($0) }
    return .texts(Dictionary(zip(ids, 0...)) { first, _ in first })
  }

  func embed(_ texts: [String]) async throws -> EmbeddingAnswer {
    let outcomes = try texts.map { id throws -> EmbeddingAnswer.Outcome in
      guard let row = rows[id] else { return .refused("the file of ids does not name the point") }
      return .vector(try file.readRows(row..<row + 1))
    }
    return EmbeddingAnswer(outcomes: outcomes, tokens: 0)
  }
}
