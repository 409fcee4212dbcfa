internal import Foundation
internal import MoultModel

extension SwitchPlan {
  /// The bill for people.
  var text: String {
    let memory = memoryFree.map { ", \(Figure.bytes(Double($0))) free" } ?? ""
    let seconds =
      predictedSeconds.map { "about \(Figure.seconds($0)), after \(basis)" } ?? "unknown: \(basis)"
    var lines = tiers.map { tier in
      let kind = tier.kind.rawValue.padding(toLength: 17, withPad: " ", startingAt: 0)
      let after = tier.kind == .vectors ? "" : "at most "
      return "\(kind) \(Figure.bytes(Double(tier.before))) → \(after)\(Figure.bytes(Double(tier.after)))"
    }
    if !reused.isEmpty { lines.append("not made anew     " + reused.joined(separator: "; ")) }
    if let recall {
      lines.append(
        "recall@\(recall.searched.k)         \(recall.searched.text), codes alone \(recall.codesAlone.text): "
          + "\(Figure.grouped(recall.rows)) sample rows, \(recall.searched.queryCount) queries "
          + "\(JobOutcome.querySource(recall.querySource)); more rows are harder")
    }
    return """
      rows              \(Figure.grouped(rows))
      bytes a vector    \(bytesPerVectorBefore) → at most \(bytesPerVectorAfter)
      graph             \(graph?.rawValue ?? "none")
      disk              at most \(Figure.bytes(Double(diskNeeded))) of new files, \(Figure.bytes(Double(diskFree))) free
      memory            at most \(Figure.bytes(Double(memoryNeeded))) beside codes and graphs\(memory)
      learns from       \(Figure.grouped(trainingRows)) rows
      seconds           \(seconds)
      \(lines.joined(separator: "\n"))
      """
  }
}
