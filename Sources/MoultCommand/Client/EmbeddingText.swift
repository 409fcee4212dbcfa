internal import Foundation
internal import MoultModel

extension EmbeddingPlan {
  /// The bill for people.
  var text: String {
    var lines = [
      "points            \(Figure.grouped(points))",
      "texts to send     \(Figure.grouped(distinctTexts - cachedTexts)) of \(Figure.grouped(distinctTexts)) different "
        + "ones; \(Figure.grouped(cachedTexts)) have vectors already",
      "tokens            about \(Figure.compact(Double(tokens))), in \(Figure.grouped(requests)) requests",
      "time              "
        + (secondsMin.map { "at least \(Figure.seconds($0)), by the embedder's limits" }
          ?? "as long as the endpoint takes"),
      "price             " + (cost.map { Figure.fixed($0, 2) } ?? "unknown: the embedder has none"),
      "disk              about \(Figure.bytes(Double(diskNeeded)))",
    ]
    if skipped > 0 { lines.append("without a text    \(Figure.grouped(skipped))") }
    lines += exceptions.prefix(5).map { "  point \($0.id): \($0.reason)" }
    if let example { lines.append("example           \(example)") }
    return lines.joined(separator: "\n")
  }
}

extension EmbeddingReport {
  /// What was done, line by line.
  var lines: [String] {
    var lines = [
      "embedded          \(Figure.grouped(Int(texts))) texts by \(embedder) in \(Figure.grouped(Int(requests))) requests "
        + "(\(Figure.grouped(Int(repeated))) repeated), about \(Figure.compact(Double(tokens))) tokens"
        + (cost.map { ", price \(Figure.fixed($0, 2))" } ?? ""),
      "reused            \(Figure.grouped(Int(reused))) of \(Figure.grouped(Int(points))) points had a vector already",
    ]
    if skipped + setAside > 0 {
      lines.append("left out          \(skipped) without a text, \(setAside) whose text is refused")
      lines += exceptions.prefix(5).map { "  point \($0.id): \($0.reason)" }
    }
    if let agreement {
      lines.append("both models       have \(Figure.fixed(agreement, 3)) of ten neighbours in common")
    }
    if let knownItems {
      lines.append("known items       \(Figure.fixed(knownItems, 3)) of sampled texts find their own point")
    }
    return lines
  }
}
