internal import Foundation
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
  /// `field`, `field:desc` or `field:desc:nulls_last`.
  var order: [String] = []
  /// Fields of which equal values make a group.
  var groupFields: [String] = []
  /// Whether this is a step of an iterator.
  var isIterator = false

  /// Whether nothing but the number of points is asked for.
  var isCount: Bool {
    groupFields.isEmpty && outputFields.count == 1
      && outputFields[0].trimmingCharacters(in: .whitespaces).lowercased() == MilvusOperations.countField
  }

  /// Whether groups are asked for, or numbers about all points.
  var isAggregation: Bool {
    !isCount && (!groupFields.isEmpty || outputFields.contains { MilvusAggregate($0) != nil })
  }

  /// The parts of a list that is one text.
  static func list(_ text: String) -> [String] {
    text.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
  }
}
