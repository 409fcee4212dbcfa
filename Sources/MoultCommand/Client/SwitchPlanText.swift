internal import MoultModel

extension SwitchPlan {
  /// The bill for people.
  var text: String {
    let memory = memoryFree.map { ", \(Figure.bytes(Double($0))) free" } ?? ""
    let seconds =
      predictedSeconds.map { "about \(Figure.seconds($0)), after \(basis)" } ?? "unknown: \(basis)"
    return """
      rows              \(Figure.grouped(rows))
      bytes a vector    \(bytesPerVectorBefore) → at most \(bytesPerVectorAfter)
      graph             \(graph?.rawValue ?? "none")
      disk              at most \(Figure.bytes(Double(diskNeeded))) of new files, \(Figure.bytes(Double(diskFree))) free
      memory            at most \(Figure.bytes(Double(memoryNeeded))) beside codes and graphs\(memory)
      learns from       \(Figure.grouped(trainingRows)) rows
      seconds           \(seconds)
      """
  }
}
