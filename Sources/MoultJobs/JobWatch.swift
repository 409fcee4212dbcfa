/// The states of one job as they come, the present one first, the final one last.
///
/// Changes that come faster than they are read are skipped: each element is the newest record, and two
/// consecutive elements differ.
package struct JobWatch: AsyncSequence, Sendable {
  let queue: JobQueue
  let id: Int64

  package func makeAsyncIterator() -> Iterator {
    Iterator(queue: queue, id: id, signals: queue.signals.changed.subscribe(newest: 64).makeAsyncIterator())
  }

  package struct Iterator: AsyncIteratorProtocol {
    let queue: JobQueue
    let id: Int64
    var signals: AsyncStream<Int64>.Iterator
    var last: JobRecord?

    /// - Throws: `JobError.notFound` when the job does not exist; `CancellationError` when the task is cancelled.
    package mutating func next() async throws -> JobRecord? {
      if let last, last.state.isFinal { return nil }
      // The subscription began before the first read, so no change falls between them. Any signal leads to a
      // read: the one meant for this job may have been dropped in favour of newer ones.
      while true {
        let record = try queue.record(id)
        if record != last {
          last = record
          return record
        }
        guard await signals.next() != nil else { throw CancellationError() }
      }
    }
  }
}
