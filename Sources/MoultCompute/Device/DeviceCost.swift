/// A piece of batch work, by what its time depends on.
public struct DeviceWork: Sendable, Equatable {
  /// Raw values are how messages call them.
  public enum Kind: String, Sendable, CaseIterable {
    case exact = "exact search"
    case bits = "search of bits"
    case levels = "encoding in levels"
    case bytes = "encoding in bytes"
    case nearest = "assigning to centroids"
    case graph = "building a graph"
    case measuring = "measuring"
  }

  public var kind: Kind
  /// Over the link.
  public var bytesToDevice: Double
  public var bytesFromDevice: Double
  /// Multiply-adds; of encoding values, as often as a grid tries them, of bits bytes compared, of a graph rows.
  public var operations: Double
  /// Multiply-adds in float32 of the matrices that vectors go through while they are encoded.
  public var mapProducts: Double

  public init(
    _ kind: Kind, bytesToDevice: Double, bytesFromDevice: Double, operations: Double, mapProducts: Double = 0
  ) {
    self.kind = kind
    self.bytesToDevice = bytesToDevice
    self.bytesFromDevice = bytesFromDevice
    self.operations = operations
    self.mapProducts = mapProducts
  }
}

/// Operations a second by kind of work.
public struct WorkRates: Sendable, Equatable {
  public var exact: Double
  public var bits: Double
  public var levels: Double
  public var bytes: Double
  public var nearest: Double
  public var graph: Double
  /// Multiply-adds of learned maps.
  public var maps: Double

  public init(
    exact: Double, bits: Double, levels: Double, bytes: Double, nearest: Double, graph: Double, maps: Double
  ) {
    self.exact = exact
    self.bits = bits
    self.levels = levels
    self.bytes = bytes
    self.nearest = nearest
    self.graph = graph
    self.maps = maps
  }

  /// Seconds, but for the link.
  func seconds(_ work: DeviceWork) -> Double {
    let mapping = work.mapProducts > 0 ? work.mapProducts / maps : 0
    return work.operations / rate(work.kind) + mapping
  }

  func rate(_ kind: DeviceWork.Kind) -> Double {
    switch kind {
    case .exact: exact
    case .bits: bits
    case .levels: levels
    case .bytes: bytes
    case .nearest: nearest
    case .graph: graph
    case .measuring: .infinity
    }
  }
}

/// Predicts whether a device is done with a piece of work sooner than the CPU.
///
///     device  call + bytes there/link + operations/rate + products of maps/rate + bytes back/link
///     CPU     the longer of (operations/rate + products of maps/rate)/threads and bytes there/memory bandwidth
///
/// The device's times are added up although transfer and work overlap, so that what is near the edge stays on the CPU.
public struct DeviceCost: Sendable, Equatable {
  /// The device's.
  public var rates: WorkRates
  public var toDeviceBytesPerSecond: Double
  public var fromDeviceBytesPerSecond: Double
  /// For launches, and for the memory that a call takes and gives back.
  public var callSeconds: Double
  /// Of one thread of the CPU.
  public var threadRates: WorkRates
  public var threads: Int
  /// What all threads together read.
  public var memoryBytesPerSecond: Double

  public init(
    rates: WorkRates, toDeviceBytesPerSecond: Double, fromDeviceBytesPerSecond: Double,
    callSeconds: Double = DeviceCost.callSeconds, threadRates: WorkRates, threads: Int,
    memoryBytesPerSecond: Double? = nil
  ) {
    precondition(threads >= 1)
    self.rates = rates
    self.toDeviceBytesPerSecond = toDeviceBytesPerSecond
    self.fromDeviceBytesPerSecond = fromDeviceBytesPerSecond
    self.callSeconds = callSeconds
    self.threadRates = threadRates
    self.threads = threads
    self.memoryBytesPerSecond =
      memoryBytesPerSecond ?? Double(min(threads, Self.memoryThreads)) * Self.threadMemoryBytesPerSecond
  }

  /// Of a device that was measured, and the CPU by its instruction set.
  public init(_ info: DeviceInfo, instructionSet: String, threads: Int) {
    // What is not measured goes at the speed of memory: a value is read and its code written, bits are read.
    let values = info.copyBytesPerSecond / 8
    let products = max(info.bfloat16Rate, info.float32Rate)
    self.init(
      rates: WorkRates(
        exact: products, bits: info.copyBytesPerSecond / 2, levels: values, bytes: values,
        nearest: products, graph: Self.graphProducts(products), maps: info.float32Rate),
      toDeviceBytesPerSecond: min(info.toDeviceBytesPerSecond, Self.stagingBytesPerSecond),
      fromDeviceBytesPerSecond: min(info.fromDeviceBytesPerSecond, Self.stagingBytesPerSecond),
      threadRates: .thread(instructionSet), threads: threads)
  }

  /// A prediction in seconds.
  public func onDevice(_ work: DeviceWork) -> Double {
    callSeconds + work.bytesToDevice / toDeviceBytesPerSecond + rates.seconds(work)
      + work.bytesFromDevice / fromDeviceBytesPerSecond
  }

  /// A prediction in seconds.
  public func onThreads(_ work: DeviceWork) -> Double {
    max(threadRates.seconds(work) / Double(threads), work.bytesToDevice / memoryBytesPerSecond)
  }

  /// Where nothing is known of the device, its rates being 0, it is not.
  public func prefersDevice(_ work: DeviceWork) -> Bool { onDevice(work) < onThreads(work) }

  /// Taking memory on the device and pinned memory on the host, a millisecond each, and some launches.
  public static let callSeconds = 3e-3
  /// One thread copies into pinned memory.
  private static let stagingBytesPerSecond = 1e10
  /// Of one thread, and how many it takes to have all the bandwidth of most machines.
  private static let threadMemoryBytesPerSecond = 1.2e10
  private static let memoryThreads = 8

  /// Rows whose lists are made a second: some 30,000 products of 1,024 dimensions for each, at half the rate.
  private static func graphProducts(_ rate: Double) -> Double { rate / 2 / (30_000 * 1024) }
}

extension WorkRates {
  /// What one thread does on an instruction set, about: measured on embeddings of 384 and 768 dimensions where we had
  /// the machine, else scaled by the width of its registers. Wrong by half they cost little: near the edge it matters
  /// little who does the work.
  public static func thread(_ instructionSet: String) -> WorkRates {
    switch instructionSet {
    case "amx":
      WorkRates(exact: 6e11, bits: 1.2e10, levels: 6e8, bytes: 2e9, nearest: 3e11, graph: 4000, maps: 8e10)
    case "avx512":
      WorkRates(exact: 2e11, bits: 1.2e10, levels: 6e8, bytes: 2e9, nearest: 8e10, graph: 4000, maps: 8e10)
    case "avxvnni":
      WorkRates(exact: 1e11, bits: 1e10, levels: 3e8, bytes: 1.2e9, nearest: 2.5e10, graph: 3000, maps: 4e10)
    case "avx2", "neon":
      WorkRates(exact: 4e10, bits: 1e10, levels: 3e8, bytes: 1.2e9, nearest: 2e10, graph: 2500, maps: 4e10)
    default:
      WorkRates(exact: 2e9, bits: 4e9, levels: 3e7, bytes: 2e8, nearest: 1.5e9, graph: 250, maps: 5e8)
    }
  }
}
