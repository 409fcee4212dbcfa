internal import MoultServer

/// A search that is understood but for the collection it goes to.
struct MilvusSearch {
  var queries: SearchQueries
  var limit: Int
  var offset = 0
  var filter = ""
  var templates: [String: JSON] = [:]
  /// The vector field; empty for the only one.
  var field = ""
  var metricType = ""
  var parameters = Parameters()
  var groupingField = ""
  var groupSize = 1
  var partitions: [String] = []
  /// `field` or `field:desc`: what the hits are put in the order of.
  var order: [String] = []
  /// Set in a step of an iterator.
  var iteration: Iteration?

  /// A step of an iterator: hits behind those that were had, the nearest first.
  struct Iteration {
    /// The score of the last hit of the step before; `nil` in the first.
    var lastScore: Float?
  }

  /// What may stand in `params`.
  struct Parameters {
    var ef: Int?
    var probes: Int?
    var exact = false
    var oversampling: Double?
    var radius: Double?
    var rangeFilter: Double?
    /// Of fields that stand in the payload.
    var dropRatio: Double?
    var k1: Double?
    var b: Double?
  }
}
