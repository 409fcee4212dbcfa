import GRDB
import MoultModel
import MoultStorage
import Synchronization

/// The rows that recent filters match, of one collection.
///
/// What a row holds never changes but by a job that says so (``forget()``), and a row that dies only loses its live bit; so what is known of a segment
/// stays true, and only rows that came since have to be looked at.
final class FilterCache: Sendable {
  private struct Entry {
    /// By segment: matching places among the first `count` ones.
    var segments: [Int64: (count: Int, bitmap: LiveBitmap)] = [:]
    var lastUse = 0

    var sizeBytes: Int { segments.values.reduce(0) { $0 + $1.bitmap.sizeBytes } }
  }

  private struct State {
    var entries: [PointFilter: Entry] = [:]
    var uses = 0
    /// Rises with every ``FilterCache/forget()``.
    var epoch = 0
  }

  private static let entriesMax = 64
  private static let bytesMax = 64 << 20
  /// A longer filter is not worth keeping: comparing it costs as much as its rows.
  private static let valueCountMax = 1_000

  private let state = Mutex(State())

  /// The snapshot as a search with a filter sees it: only rows that match are live.
  ///
  /// - Complexity: reads the payloads of rows that the filter was not asked about before.
  func apply(
    _ filter: PointFilter, to snapshot: CollectionSnapshot, points: PointStore, directory: DataDirectory
  ) throws -> CollectionSnapshot {
    // A vector field may be dropped, and another one made of the same name.
    let isKept = filter.valueCount <= Self.valueCountMax && filter.vectorFields.isEmpty
    let (epoch, kept) = state.withLock { ($0.epoch, $0.entries[filter]?.segments) }
    var known = isKept ? kept ?? [:] : [:]
    var filtered = snapshot
    var isNew = false
    for (index, segment) in snapshot.segments.enumerated() {
      var match = known[segment.id] ?? (0, LiveBitmap(capacity: segment.capacity, live: 0, except: []))
      if match.count < segment.count {
        let rows = try directory.read { db in
          try points.rows(
            matching: filter, from: segment.rows[match.count], to: segment.rows.end(count: segment.count),
            in: db)
        }
        match.bitmap = match.bitmap.changed(
          addingEach: rows.compactMap { segment.place(of: $0) }, removing: [])
        match.count = segment.count
        known[segment.id] = match
        isNew = true
      }
      filtered.segments[index].live = segment.live.intersection(match.bitmap)
    }
    if isKept { keep(known, of: filter, isNew: isNew, segments: snapshot.segments, epoch: epoch) }
    return filtered
  }

  /// Called after stored rows have changed.
  func forget() {
    state.withLock {
      $0.entries = [:]
      $0.epoch += 1
    }
  }

  private func keep(
    _ segments: [Int64: (count: Int, bitmap: LiveBitmap)], of filter: PointFilter, isNew: Bool,
    segments present: [SegmentView], epoch: Int
  ) {
    state.withLock { state in
      guard state.epoch == epoch else { return }
      state.uses += 1
      state.entries[filter, default: Entry()].lastUse = state.uses
      guard isNew else { return }
      // Merged segments take theirs along.
      let ids = Set(present.map(\.id))
      state.entries[filter]?.segments = segments.filter { ids.contains($0.key) }
      while state.entries.count > Self.entriesMax
        || state.entries.values.reduce(0, { $0 + $1.sizeBytes }) > Self.bytesMax
      {
        guard state.entries.count > 1,
          let oldest = state.entries.min(by: { $0.value.lastUse < $1.value.lastUse })
        else { break }
        state.entries[oldest.key] = nil
      }
    }
  }
}
