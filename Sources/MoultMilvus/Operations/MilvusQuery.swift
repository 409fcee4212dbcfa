internal import MoultServer

/// A question for points that fulfil a condition.
struct MilvusQuery {
  var filter = ""
  var templates: [String: JSON] = [:]
  /// `nil` asks for all that match.
  var limit: Int?
  var offset = 0
  var outputFields: [String] = []
  var partitions: [String] = []
}
