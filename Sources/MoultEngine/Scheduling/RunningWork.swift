import MoultModel
import Synchronization

/// What this process knows of the jobs that it runs, beside what the queue keeps.
final class RunningWork: Sendable {
  struct Entry: Sendable {
    /// Takes new limits.
    var pace: Pace
    /// Of the process when the attempt began.
    var memoryBytes: Int?
    /// The first row that was written after the attempt began.
    var nextRow: Int64
  }

  private let entries = Mutex<[Int64: Entry]>([:])

  subscript(job: Int64) -> Entry? { entries.withLock { $0[job] } }

  func begin(_ job: Int64, pace: Pace, nextRow: Int64) {
    let entry = Entry(pace: pace, memoryBytes: FreeMemory.ofProcess, nextRow: nextRow)
    entries.withLock { $0[job] = entry }
  }

  func end(_ job: Int64) { entries.withLock { $0[job] = nil } }
}
