import Testing

@testable import MoultCompute

@Suite("DeviceCost")
struct DeviceCostTests {
  /// About an H200 behind 50 GB/s, and an AVX-512 processor.
  private static func cost(threads: Int, rates: WorkRates = .thread("avx512")) -> DeviceCost {
    DeviceCost(
      rates: WorkRates(
        exact: 2e14, bits: 2e12, levels: 5e11, bytes: 5e11, nearest: 2e14, graph: 1e6, maps: 3e13),
      toDeviceBytesPerSecond: 1e10, fromDeviceBytesPerSecond: 1e10, threadRates: rates, threads: threads)
  }

  private static func exact(rows: Double, queries: Double) -> DeviceWork {
    DeviceWork(
      .exact, bytesToDevice: 4 * 768 * (rows + queries), bytesFromDevice: 160 * queries,
      operations: 768 * rows * queries)
  }

  @Test("is what the formula says")
  func formula() {
    let cost = DeviceCost(
      rates: .thread("scalar"), toDeviceBytesPerSecond: 1000, fromDeviceBytesPerSecond: 100, callSeconds: 0.5,
      threadRates: .thread("scalar"), threads: 2, memoryBytesPerSecond: 4000)
    let work = DeviceWork(.exact, bytesToDevice: 2000, bytesFromDevice: 50, operations: 4e9)
    #expect(cost.onDevice(work) == 0.5 + 2 + 2 + 0.5)
    #expect(cost.onThreads(work) == 1)
    let reading = DeviceWork(.exact, bytesToDevice: 8000, bytesFromDevice: 50, operations: 4e9)
    #expect(cost.onThreads(reading) == 2)
    let mapping = DeviceWork(
      .exact, bytesToDevice: 2000, bytesFromDevice: 50, operations: 4e9, mapProducts: 2e9)
    #expect(cost.onDevice(mapping) == 0.5 + 2 + 2 + 4 + 0.5)
    #expect(cost.onThreads(mapping) == 1 + 2)
  }

  @Test("many queries go to the device, few stay", arguments: [1, 2, 16, 64])
  func exact(threads: Int) {
    let cost = Self.cost(threads: threads)
    #expect(cost.prefersDevice(Self.exact(rows: 1e6, queries: 10_000)))
    #expect(!cost.prefersDevice(Self.exact(rows: 1e6, queries: 8)))
    #expect(!cost.prefersDevice(Self.exact(rows: 1000, queries: 100)))
  }

  @Test("codes go there from a CPU that is slower than the link, and not from a fast one")
  func encoding() {
    let values = 768 * 1e6
    let work = DeviceWork(.levels, bytesToDevice: 4 * values, bytesFromDevice: values / 2, operations: values)
    #expect(Self.cost(threads: 1).prefersDevice(work))
    #expect(!Self.cost(threads: 16).prefersDevice(work))
    #expect(Self.cost(threads: 16, rates: .thread("scalar")).prefersDevice(work))
    // Behind a matrix the CPU has most of the work.
    let mapped = DeviceWork(
      .levels, bytesToDevice: 4 * values, bytesFromDevice: values / 2, operations: values,
      mapProducts: 768 * values)
    #expect(Self.cost(threads: 16).prefersDevice(mapped))
  }

  @Test("more work never turns the device down that less work went to", arguments: DeviceWork.Kind.allCases)
  func monotonous(kind: DeviceWork.Kind) {
    let cost = Self.cost(threads: 4)
    var wasPreferred = false
    for size in 0..<40 {
      let operations = Double(1 << size)
      let work = DeviceWork(kind, bytesToDevice: 0, bytesFromDevice: 0, operations: operations)
      let isPreferred = cost.prefersDevice(work)
      #expect(isPreferred || !wasPreferred, "\(kind), \(operations) operations")
      wasPreferred = isPreferred
    }
  }

  @Test("a device of which nothing was measured gets nothing", arguments: DeviceWork.Kind.allCases)
  func unknown(kind: DeviceWork.Kind) {
    let cost = DeviceCost(
      rates: WorkRates(exact: 0, bits: 0, levels: 0, bytes: 0, nearest: 0, graph: 0, maps: 0),
      toDeviceBytesPerSecond: 0, fromDeviceBytesPerSecond: 0, threadRates: .thread("avx2"), threads: 1)
    #expect(!cost.prefersDevice(DeviceWork(kind, bytesToDevice: 1e12, bytesFromDevice: 0, operations: 1e18)))
  }

  @Test(
    "every instruction set has rates", arguments: ["scalar", "neon", "avx2", "avxvnni", "avx512", "amx", "?"])
  func rates(instructionSet: String) {
    let rates = WorkRates.thread(instructionSet)
    for kind in DeviceWork.Kind.allCases { #expect(rates.rate(kind) > 0) }
    #expect(rates.maps > 0)
  }
}
