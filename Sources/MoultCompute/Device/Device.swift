internal import CMoultKernels
public import MoultModel
internal import Synchronization

/// A device for batch work, a GPU, behind a library that is opened at run time (`device.h`).
///
/// What it does has the CPU's results, ties included. Each of its methods says whether the work was done; where it
/// was not (no memory left, a shape that it cannot do, the device lost, the caller's wish to stop), nothing of what
/// was written counts, and the caller does the work itself. It writes no log: an observer hears of what went wrong.
///
/// Any thread may ask; calls take turns.
public final class Device: @unchecked Sendable {
  /// Of the library that drives it.
  public let libraryPath: String

  /// The library's functions and what they are called with.
  struct Calls {
    let functions: UnsafePointer<moult_device_library>
    let device: OpaquePointer

    var table: moult_device_library { functions.pointee }
  }

  private struct Record {
    var observer: (@Sendable (DeviceEvent) -> Void)?
    var callCount = 0
    var fallbackCount = 0
    /// Kinds whose last call failed.
    var failing: Set<DeviceWork.Kind> = []
    var info: DeviceInfo?
    /// Whether the last try to measure it failed.
    var isUnmeasured = false
    /// Sets to give back as soon as it is somebody's turn.
    var unwanted: [Unwanted] = []
  }

  private struct Unwanted: @unchecked Sendable { let set: OpaquePointer }

  private var handle: moult_device_handle
  private let turns = Mutex<Void>(())
  private let lost = Atomic<Bool>(false)
  private let record = Mutex(Record())

  /// Opens a device.
  ///
  /// - Parameters:
  ///   - path: of the library; `nil` looks where `device.h` says.
  ///   - ordinal: of several devices; `nil` for that of MOULT_CUDA_ORDINAL, or the first.
  /// - Throws: `unavailable`, with the reason.
  public init(library path: String? = nil, ordinal: Int32? = nil) throws(MoultError) {
    var handle = moult_device_handle()
    var text = [CChar](repeating: 0, count: 1024)
    let status = moult_device_open(path, ordinal ?? -1, &handle, &text, text.count)
    let answer = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    guard status == MOULT_DEVICE_OK else { throw MoultError(.unavailable, answer) }
    self.handle = handle
    libraryPath = answer
  }

  deinit {
    giveBack()
    moult_device_close(&handle)
  }

  /// Whether the device is gone. It is not asked any more then.
  public var isLost: Bool { lost.load(ordering: .relaxed) }

  /// Calls that were begun, and those of them that the CPU had to make up for.
  public var counts: (calls: Int, fallbacks: Int) { record.withLock { ($0.callCount, $0.fallbackCount) } }

  /// Has `observer` told of what goes wrong, in the place of an earlier one. It is called on the thread that asked the
  /// device, while no lock is held.
  public func observe(_ observer: @escaping @Sendable (DeviceEvent) -> Void) {
    record.withLock { $0.observer = observer }
  }

  /// What the device is and does; measured at the first call, which takes some tenths of a second.
  ///
  /// - Parameter waits: without, it is `nil` while others use the device, and once measuring has failed.
  public func info(waits: Bool = true) -> DeviceInfo? {
    let (info, isUnmeasured) = record.withLock { ($0.info, $0.isUnmeasured) }
    return info ?? (isUnmeasured && !waits ? nil : describe(waits: waits))
  }

  /// Of the device's memory, now; `nil` as above.
  func freeBytes(waits: Bool) -> Int? { describe(waits: waits)?.freeBytes }

  /// The library measures once.
  private func describe(waits: Bool) -> DeviceInfo? {
    var info = moult_device_info()
    let isDone = perform(.measuring, waits: waits) { calls in
      let status = calls.table.describe(calls.device, &info)
      record.withLock { $0.isUnmeasured = status != MOULT_DEVICE_OK }
      return status
    }
    guard isDone else { return nil }
    let found = DeviceInfo(info)
    record.withLock { $0.info = found }
    return found
  }

  // MARK: Calls

  /// Makes one call of the library.
  ///
  /// - Parameters:
  ///   - waits: whether to wait for others who use the device; without, it is left to them.
  ///   - prepares: whether the work itself is still to come: a success is no sign yet that such work succeeds again.
  /// - Returns: whether the work was done.
  func perform(
    _ kind: DeviceWork.Kind, waits: Bool = true, prepares: Bool = false,
    _ call: (Calls) -> moult_device_status
  ) -> Bool {
    var (isDone, event): (Bool, DeviceEvent?) = (false, nil)
    if waits {
      (isDone, event) = turns.withLock { _ in attempt(kind, prepares: prepares, call) }
    } else if let attempted = turns.withLockIfAvailable({ _ in attempt(kind, prepares: prepares, call) }) {
      (isDone, event) = attempted
    }
    if let event { record.withLock(\.observer)?(event) }
    return isDone
  }

  /// In turn.
  private func attempt(
    _ kind: DeviceWork.Kind, prepares: Bool, _ call: (Calls) -> moult_device_status
  ) -> (isDone: Bool, event: DeviceEvent?) {
    giveBack()
    // Of those who came meanwhile and could not wait.
    defer { giveBack() }
    guard !isLost else { return (false, nil) }
    let calls = calls
    let status = call(calls)
    let isNews = record.withLock { record in
      // Measuring is nobody's work.
      let count = kind == .measuring ? 0 : 1
      record.callCount += count
      if status == MOULT_DEVICE_OK, !prepares { record.failing.remove(kind) }
      guard status != MOULT_DEVICE_OK, status != MOULT_DEVICE_STOPPED else { return false }
      record.fallbackCount += count
      return record.failing.insert(kind).inserted
    }
    if status == MOULT_DEVICE_OK { return (true, nil) }
    if status == MOULT_DEVICE_LOST {
      lost.store(true, ordering: .relaxed)
      return (false, .lost(kind, reason: reason(calls)))
    }
    return (false, isNews ? .fellBack(kind, reason: reason(calls)) : nil)
  }

  private func reason(_ calls: Calls) -> String {
    calls.table.message(calls.device).map { String(cString: $0) } ?? "it does not say why"
  }

  private var calls: Calls { Calls(functions: handle.library, device: handle.device) }

  /// Gives a set back: now, or in the turn of whoever uses the device. It does not wait.
  func release(_ set: OpaquePointer) {
    let unwanted = Unwanted(set: set)
    record.withLock { $0.unwanted.append(unwanted) }
    _ = turns.withLockIfAvailable { _ in giveBack() }
  }

  /// In turn. Of a device that is lost the host's part goes.
  private func giveBack() {
    let unwanted = record.withLock { record in
      defer { record.unwanted = [] }
      return record.unwanted
    }
    for one in unwanted { calls.table.release(calls.device, one.set) }
  }
}

extension Device {
  /// The process's device, or why there is none; opened at the first call and kept.
  static let opening: Result<Device, MoultError> = Result { () throws(MoultError) in try Device() }

  public static var shared: Device? { try? opening.get() }

  /// Why there is no `shared` device.
  public static var refusal: String? {
    guard case .failure(let error) = opening else { return nil }
    return error.message
  }
}
