internal import Foundation
package import MoultModel

/// What all benchmarks in process are told.
package struct BenchmarkOptions: Sendable {
  package var specification: EncodingSpecification
  package var threads: Int
  /// Rows a call of the encoder, queries a scan or a call of exact search; `nil` takes the benchmark's own.
  package var batch: Int?
  package var k: Int
  /// Shortest time of a measurement.
  package var secondsMin: Double

  package init(
    specification: EncodingSpecification = EncodingSpecification(), threads: Int = 0, batch: Int? = nil,
    k: Int = 10, secondsMin: Double = 1
  ) {
    self.specification = specification
    self.threads = threads > 0 ? threads : ProcessInfo.processInfo.activeProcessorCount
    self.batch = batch
    self.k = k
    self.secondsMin = secondsMin
  }

  var team: ThreadTeam { ThreadTeam(threads: threads) }

  /// For benchmarks that do not calibrate.
  ///
  /// - Parameter reason: why it has no target.
  func refuseTargetRecall(_ reason: String) throws(MoultError) {
    guard specification.targetRecall != nil else { return }
    throw MoultError(.unsupported, "\(reason); --target-recall is for bench scan, switch and serve")
  }
}

/// Takes a measured point as soon as it is there.
package typealias RecordSink = (BenchmarkRecord) throws -> Void
