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
          ?? "as long as the endpoint takes")
        + (secondsExpected.map { "; about \(Figure.seconds($0)) at the pace of its last job" } ?? ""),
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
    if let bridge {
      let unmapped = bridge.recallUnmapped.map { ", \(Figure.fixed($0.mean, 3)) without a map" } ?? ""
      lines.append(
        "bridge            from \(bridge.newModel) to \(bridge.oldModel ?? "the old model"), fitted to "
          + "\(Figure.grouped(bridge.pairs)) points: held-out recall@10 \(bridge.recall.text) among them\(unmapped); "
          + "documents the other way \(Figure.fixed(bridge.recallOfDocuments.mean, 3))")
    }
    if let labelled { lines += labelled.lines }
    if let payloads {
      lines.append(
        "payloads          equal: \(Figure.grouped(payloads.points)) points, digest \(payloads.digest)")
    }
    if let agreement {
      lines.append("both models       have \(Figure.fixed(agreement, 3)) of ten neighbours in common")
    }
    if let knownItems {
      lines.append("known items       \(Figure.fixed(knownItems, 3)) of sampled texts find their own point")
    }
    if labelled == nil, agreement ?? knownItems != nil {
      lines.append("note: without labelled --queries this does not say that answers get better")
    }
    return lines
  }
}

extension LabelledProof {
  fileprivate var lines: [String] {
    func line(_ name: String, _ before: Double?, _ after: Double, _ change: RecallDifference?) -> String {
      let old = before.map { "\(Figure.fixed($0, 4)) → " } ?? ""
      let difference = change.map {
        ", change \(Figure.signed($0.mean, 4)) [\(Figure.signed($0.lower, 4)) … \(Figure.signed($0.upper, 4))]"
      }
      let padding = String(repeating: " ", count: max(1, 18 - name.count))
      return name + padding + old + Figure.fixed(after, 4) + (difference ?? "")
    }
    return [
      "labelled queries  \(Figure.grouped(queries))"
        + (ignored > 0 ? ", and \(Figure.grouped(ignored)) whose answers are not there" : ""),
      line("  nDCG@\(k)", ndcgBefore, ndcgAfter, ndcgChange),
      line("  recall@\(k)", recallBefore, recallAfter, recallChange),
    ]
  }
}
