internal import MoultModel

/// One step of the demo: what it cost, what it did to recall, and how searches fared meanwhile.
struct DemoStep: Codable, Sendable, Equatable {
  var name: String
  var seconds: Double
  var bytesPerVectorBefore: Int?
  var bytesPerVectorAfter: Int
  var recallBefore: MeasuredRecall?
  var recallAfter: MeasuredRecall
  /// From the beginning of the step to that of the next; absent while nothing was there to search.
  var searches: LoadWindow?
}
