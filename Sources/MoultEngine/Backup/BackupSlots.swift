import Synchronization

/// How many backups may be read at a time: each keeps files from being given up and the database's log from beginning
/// anew for as long as its reader takes.
final class BackupSlots: Sendable {
  static let count = 2

  private let taken = Atomic<Int>(0)

  /// A place that is given back when it is forgotten.
  final class Slot: Sendable {
    private let slots: BackupSlots

    fileprivate init(_ slots: BackupSlots) { self.slots = slots }

    deinit { slots.taken.subtract(1, ordering: .relaxed) }
  }

  /// - Returns: `nil` when all are taken.
  func take() -> Slot? {
    guard taken.add(1, ordering: .relaxed).newValue <= Self.count else {
      taken.subtract(1, ordering: .relaxed)
      return nil
    }
    return Slot(self)
  }
}
