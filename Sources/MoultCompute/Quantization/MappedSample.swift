internal import MoultModel

/// The whole sample as the quantizer will see it, in memory of its own or in the sample's place.
final class MappedSample {
  /// `count ×` what the transform leaves of `dimension`.
  let vectors: UnsafeMutablePointer<Float>
  private let isOwn: Bool

  /// - Parameter workspace: `nil`, or `sample`, which is overwritten: a row is never longer than before, and 64
  ///   at a time have been read before they are written.
  init(
    _ sample: UnsafePointer<Float>, count: Int, dimension: Int, transform: VectorTransform, metric: Metric,
    in workspace: UnsafeMutablePointer<Float>?
  ) {
    precondition(workspace == nil || UnsafePointer(workspace) == sample)
    let kept = transform.outputDimension(from: dimension)
    precondition(kept <= dimension)
    vectors = workspace ?? .allocate(capacity: max(1, count * kept))
    isOwn = workspace == nil
    var next = vectors
    SampleStatistics.forEach(
      of: sample, count: count, dimension: dimension, transform: transform, metric: metric
    ) { vector in
      next.update(from: vector.baseAddress!, count: kept)
      next += kept
    }
  }

  deinit {
    if isOwn { vectors.deallocate() }
  }
}
