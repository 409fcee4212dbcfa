import CMoultKernels
import Dispatch
import MoultModel
import MoultTesting
import Testing

@testable import MoultCompute

@Suite("Devices in trouble", .needsDevice)
struct DeviceFaultTests {
  /// int8 codes of some vectors.
  private struct Work {
    let encoder: VectorEncoder
    let vectors: [Float]
    let count: Int

    init(count: Int = 3000, dimension: Int = 32) throws {
      var random = SeededGenerator(seed: 5)
      self.count = count
      vectors = random.gaussianFloats(count: count * dimension)
      encoder = try VectorEncoder.trained(
        EncodingSpecification(quantization: .int8), dimension: dimension, metric: .cosine, on: vectors)
    }

    func run(_ parallel: ParallelFor) -> [UInt8] {
      var rows = [UInt8](repeating: 0, count: count * encoder.rowBytes)
      var side = [Float](repeating: 0, count: count)
      side.withUnsafeMutableBytes {
        encoder.encode(vectors, count: count, rows: &rows, side: $0.baseAddress, parallel: parallel)
      }
      return rows + side.withUnsafeBytes { Array($0) }
    }
  }

  @Test("a lost device is told of once and not asked again; the work is done", arguments: [1, 2])
  func lost(launch: Int) throws {
    let work = try Work()
    let expected = work.run(.serial)
    let fixture = try DeviceFixture([.lostAtLaunch: launch])
    // At the second launch the first call may have been right.
    for _ in 0..<4 { #expect(work.run(fixture.parallel) == expected) }
    #expect(fixture.device.isLost)
    #expect(fixture.events.count == 1)
    guard case .lost(.bytes, let reason)? = fixture.events.first else {
      Issue.record("\(fixture.events)")
      return
    }
    #expect(!reason.isEmpty)
    #expect(fixture.device.counts.fallbacks == 1)
    #expect(fixture.device.counts.calls <= launch)
    #expect(fixture.events[0].description.contains("encoding in bytes went on on the CPU"))
  }

  @Test(
    "a device that is lost between two steps of an exact search leaves the CPU's answer", arguments: 1...6)
  func lostWhileSearching(launch: Int) throws {
    var random = SeededGenerator(seed: 6)
    let vectors = random.gaussianFloats(count: 2000 * 24)
    let coded = CodedVectors(.identity(dimension: 24, metric: .innerProduct), vectors)
    func search(_ parallel: ParallelFor) -> [[GlobalNeighbor]] {
      ExactSearch.search(
        queries: vectors, queryCount: 30, dimension: 24, metric: .innerProduct,
        segments: [ExactSegment(codes: coded.view)], k: 7, parallel: parallel)
    }
    let fixture = try DeviceFixture([.lostAtLaunch: launch])
    #expect(search(fixture.parallel) == search(.serial))
    #expect(fixture.device.isLost)
    #expect(search(fixture.parallel) == search(.serial))
    #expect(fixture.events.count == 1)
  }

  @Test("a device without memory is tried again, and told of once until it has worked")
  func outOfMemory() throws {
    // Opening takes 1 MB; a tile of such rows does not fit beside it.
    let work = try Work(count: 40, dimension: 32_768)
    let expected = work.run(.serial)
    let fixture = try DeviceFixture([.memory: 1_200_000])
    for _ in 0..<3 { #expect(work.run(fixture.parallel) == expected) }
    #expect(!fixture.device.isLost)
    #expect(fixture.device.counts == (3, 3))
    #expect(fixture.events.count == 1)
    guard case .fellBack(.bytes, _)? = fixture.events.first else {
      Issue.record("\(fixture.events)")
      return
    }
  }

  @Test("preparing for work that fails each time is no success: it is told of once")
  func prepared() throws {
    let fixture = try DeviceFixture()
    for _ in 0..<3 {
      #expect(fixture.use.perform(.graph, prepares: true) { _ in MOULT_DEVICE_OK })
      #expect(!fixture.use.perform(.graph) { _ in MOULT_DEVICE_OUT_OF_MEMORY })
    }
    #expect(fixture.events.count == 1)
    #expect(fixture.use.perform(.graph) { _ in MOULT_DEVICE_OK })
    #expect(!fixture.use.perform(.graph) { _ in MOULT_DEVICE_OUT_OF_MEMORY })
    #expect(fixture.events.count == 2)
  }

  @Test("a set is given back without waiting, and in somebody's turn")
  func givenBack() throws {
    let fixture = try DeviceFixture()
    let coded = CodedVectors(
      .identity(dimension: 8, metric: .cosine), [Float](repeating: 1, count: 8 * 5000))
    func hold() -> DeviceSet? {
      DeviceSet([ExactSegment(codes: coded.view)], dimension: 8, metric: .cosine, on: fixture.use)
    }
    #expect(hold() != nil)
    let free = try #require(fixture.device.freeBytes(waits: true))
    nonisolated(unsafe) var held = hold()
    #expect(held != nil)
    #expect(try #require(fixture.device.freeBytes(waits: true)) < free)
    let isDone = fixture.device.perform(.measuring) { _ in
      let finished = DispatchSemaphore(value: 0)
      DispatchQueue.global().async {
        held = nil
        finished.signal()
      }
      return finished.wait(timeout: .now() + 60) == .success ? MOULT_DEVICE_OK : MOULT_DEVICE_STOPPED
    }
    #expect(isDone)
    #expect(fixture.device.freeBytes(waits: true) == free)
  }

  @Test("without a device there is a reason")
  func absent() throws {
    let error = #expect(throws: MoultError.self) { try DeviceFixture([.absent: 1]) }
    #expect(error?.code == .unavailable)
    #expect(error?.message.isEmpty == false)
  }

  @Test("who need not wait leaves a device alone that others use")
  func busy() throws {
    let fixture = try DeviceFixture()
    let work = try Work()
    let expected = work.run(.serial)
    let isDone = fixture.device.perform(.measuring) { calls in
      let finished = DispatchSemaphore(value: 0)
      DispatchQueue.global().async {
        // Predicted to be slower or busy: either way the CPU does it.
        let use = DeviceUse(fixture.device, isForced: false, threads: 1)
        #expect(!fixture.device.perform(.bytes, waits: use.isForced) { _ in MOULT_DEVICE_OK })
        // Not measured yet, and it does not wait for that.
        #expect(fixture.device.info(waits: false) == nil)
        finished.signal()
      }
      finished.wait()
      return MOULT_DEVICE_OK
    }
    #expect(isDone)
    #expect(work.run(fixture.parallel) == expected)
    #expect(fixture.device.counts == (1, 0))
  }

  @Test("an emulated device says what it is, and small work is not predicted to be sooner there")
  func prediction() throws {
    let fixture = try DeviceFixture()
    let info = try #require(fixture.device.info())
    #expect(info.matrixPath == "emulated")
    let summary = DeviceSelection(choice: .auto, device: fixture.device).summary
    #expect(
      summary == "batch work runs on the device of '\(fixture.device.libraryPath)' where that is sooner")
    #expect(info.memoryBytes > 0 && info.copyBytesPerSecond > 0 && info.toDeviceBytesPerSecond > 0)
    let calls = fixture.device.counts.calls
    let work = try Work()
    let use = DeviceUse(fixture.device, threads: 1)
    #expect(work.run(ParallelFor(device: use, ParallelFor.serial.run)) == work.run(.serial))
    #expect(fixture.device.counts.calls == calls)
  }
}
