internal import Foundation
package import MoultCompute
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
  /// Where batch work may run.
  package var device: DeviceSelection

  package init(
    specification: EncodingSpecification = EncodingSpecification(), threads: Int = 0, batch: Int? = nil,
    k: Int = 10, secondsMin: Double = 1, device: DeviceSelection = .cpu
  ) {
    self.specification = specification
    self.threads = threads > 0 ? threads : ProcessInfo.processInfo.activeProcessorCount
    self.batch = batch
    self.k = k
    self.secondsMin = secondsMin
    self.device = device
  }

  /// Opens the device that is chosen.
  ///
  /// - Returns: why there is none although it was asked for.
  package mutating func choose(_ choice: DeviceChoice) -> String? {
    device = choice.select()
    return device.isProblem ? device.refusal : nil
  }

  var team: ThreadTeam { ThreadTeam(threads: threads, device: device) }

  /// Calls of the device so far, to be given to `deviceName`.
  var deviceCalls: (calls: Int, fallbacks: Int)? { device.device?.counts }

  /// The device's name, if it has done work since `before` and all that it was given.
  func deviceName(since before: (calls: Int, fallbacks: Int)?) -> String? {
    guard let before, let now = deviceCalls, now.calls > before.calls, now.fallbacks == before.fallbacks
    else {
      return nil
    }
    return device.device?.info()?.name ?? "a device that does not say what it is"
  }

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
