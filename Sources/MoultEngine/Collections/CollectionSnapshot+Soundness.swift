import MoultCompute
import MoultStorage

// Opening a file looks at its header only, so that a large collection opens at once. Its payload is compared with its
// checksum before the first use: damage is an error then, never an answer, and never copied into a new file whose
// checksum would be right.
extension CollectionSnapshot {
  /// - Throws: `corrupted` naming the first file of those that a search of `generation` reads and that is damaged.
  /// - Complexity: the first call reads the files, about 1 s a gigabyte and thread; later ones look at a flag of each.
  func requireSound(_ generation: GenerationView, exact: Bool = false, parallel: ParallelFor) throws {
    let generation = exact ? nil : generation
    if segments.allSatisfy({ $0.live.liveCount == 0 || isKnownSound($0, in: generation) }) { return }
    let searched = segments.filter { $0.live.liveCount > 0 }
    let failures = ResultSlots<(any Error)?>(repeating: nil, count: searched.count)
    parallel.run(searched.count) { index in
      do { try requireSound(searched[index], in: generation) } catch { failures[index] = error }
    }
    if let failure = failures.values.lazy.compactMap(\.self).first { throw failure }
  }

  private func isKnownSound(_ segment: SegmentView, in generation: GenerationView?) -> Bool {
    if case .sealed(let file) = segment.storage, !file.isKnownSound { return false }
    guard let generation else { return true }
    if case .file(let codes)? = generation.codes[segment.id], !codes.file.isKnownSound { return false }
    return generation.indexes[segment.id]?.file.isKnownSound ?? true
  }

  private func requireSound(_ segment: SegmentView, in generation: GenerationView?) throws {
    try segment.requireSoundVectors()
    if case .file(let codes)? = generation?.codes[segment.id] { try codes.file.requireSound() }
    try generation?.indexes[segment.id]?.file.requireSound()
  }

  /// The same for the vectors of some rows.
  func requireSoundVectors(ofRows rows: some Sequence<Int64>) throws {
    var seen = Set<Int>()
    for row in rows {
      guard let (segment, _) = place(ofRow: row), seen.insert(segment).inserted else { continue }
      try segments[segment].requireSoundVectors()
    }
  }
}

extension SegmentView {
  /// Rows of a growing segment were compared when it was opened.
  func requireSoundVectors() throws {
    if case .sealed(let file) = storage { try file.requireSound() }
  }
}
