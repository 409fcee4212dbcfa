import GRDB
package import MoultModel

/// Bytes of a row in files of vectors.
package struct VectorShape: Sendable {
  package let rowStride: Int
  package let sideStride: Int

  package init(rowStride: Int, sideStride: Int) {
    self.rowStride = rowStride
    self.sideStride = sideStride
  }
}

/// A damaged file of vectors, and what of it can be saved.
package struct DamagedVectors: Sendable {
  let segment: SegmentRecord
  let schema: CollectionSchema
  let shape: VectorShape
  /// Places whose bytes are gone, rising.
  package let lostPlaces: [Range<Int>]
  /// Their points that are not deleted.
  package let lostIDs: [PointID]
}

extension DataDirectory {
  /// Looks which rows of a damaged file of vectors are lost. Changes nothing.
  ///
  /// Rows are found where the file's header says, or where the catalog and the schema say when the header is
  /// damaged, and are held against the checksums that were stored when they were acknowledged. Rows without one (of
  /// an earlier Moult) count as lost, unless the file's own checksum is right.
  package func examine(
    _ file: CatalogFile, schema: CollectionSchema, shape: VectorShape
  ) throws -> DamagedVectors {
    let id = file.identity.segmentID
    let (segment, checksums) = try read { db in
      let segment = try catalog.segment(id, in: db)
      return (segment, try catalog.checksums(of: id, rowCount: segment.rowCount, in: db))
    }
    let isSound = try bytes(of: segment, shape) { rows, side, whole in
      checksums.filter { known in
        known.places.upperBound <= whole
          && VectorChecksum.of(
            rows: rows + known.places.lowerBound * shape.rowStride, rowStride: shape.rowStride,
            side: side + known.places.lowerBound * shape.sideStride, sideStride: shape.sideStride,
            count: known.places.count, at: known.places.lowerBound) == [known]
      }.map(\.places)
    }
    var lost: [Range<Int>] = []
    var next = 0
    for places in isSound + [segment.rowCount..<segment.rowCount] {
      if next < places.lowerBound { lost.append(next..<places.lowerBound) }
      next = places.upperBound
    }
    if checksums.isEmpty, isWhole(segment) { lost = [] }
    let numbers = try rowNumbers(of: segment, at: lost)
    let ids = try read { db in
      try catalog.collection(segment.collectionID, in: db).points.live(rows: numbers, in: db).map(\.id)
    }
    return DamagedVectors(segment: segment, schema: schema, shape: shape, lostPlaces: lost, lostIDs: ids)
  }

  /// Writes the file anew with what can be saved. Rows that are lost become zeros, their points deleted ones.
  ///
  /// The points are deleted first: a crash in between leaves the damaged file, and another repair finds it.
  ///
  /// - Parameter lostSide: side bytes of rows that are lost, which say that there is no vector. The points stay then:
  ///   they have vectors elsewhere.
  package func restore(_ damaged: DamagedVectors, lostSide: [UInt8]? = nil) throws {
    let segment = damaged.segment
    let (rows, side) = try bytes(of: segment, damaged.shape) { rows, side, whole in
      func copy(_ start: UnsafeRawPointer, _ stride: Int, lost: [UInt8]? = nil) -> [UInt8] {
        var bytes = [UInt8](UnsafeRawBufferPointer(start: start, count: whole * stride))
        bytes.append(contentsOf: [UInt8](repeating: 0, count: (segment.rowCount - whole) * stride))
        for places in damaged.lostPlaces {
          for index in places.lowerBound * stride..<places.upperBound * stride {
            bytes[index] = lost.map { $0[index % stride] } ?? 0
          }
        }
        return bytes
      }
      return (copy(rows, damaged.shape.rowStride), copy(side, damaged.shape.sideStride, lost: lostSide))
    }
    try write { db in
      guard !damaged.lostIDs.isEmpty, lostSide == nil else { return }
      let collection = try catalog.collection(segment.collectionID, in: db)
      let sequence = try catalog.advance(collection: segment.collectionID, rows: 0, in: db)
      _ = try collection.points.delete(ids: damaged.lostIDs, sequence: sequence, in: db)
    }
    let path = absolutePath(segment.file)
    try rows.withUnsafeBytes { rows in
      try side.withUnsafeBytes { side in
        try write(rows, side, of: segment, damaged.shape, to: path)
        let checksums =
          segment.rowCount == 0
          ? []
          : VectorChecksum.of(
            rows: rows.baseAddress!, rowStride: damaged.shape.rowStride, side: side.baseAddress,
            sideStride: damaged.shape.sideStride, count: segment.rowCount, at: 0)
        try write { db in
          try catalog.replaceChecksums(checksums, of: segment.id, in: db)
          // A sealed file has been written with room for its rows only, so they begin elsewhere.
          if segment.state == .sealed {
            try catalog.setCapacity(max(1, segment.rowCount), of: segment.id, in: db)
          }
        }
      }
    }
  }

  /// Lists the rows of a merged segment once more: the catalog's points that were alive when it was made.
  ///
  /// Rows that were left out had died before all those that have died since. The damaged file's own checksum, where
  /// its header can still be read, says whether the list is the right one.
  ///
  /// - Throws: `corrupted` when it cannot be found out.
  package func restoreRows(_ file: CatalogFile) throws {
    let segment = try read { try catalog.segment(file.identity.segmentID, in: $0) }
    let (collection, numbers) = try read { db in
      let collection = try catalog.collection(segment.collectionID, in: db)
      return (collection, try collection.points.youngest(segment.rowCount, in: segment.rows, in: db))
    }
    let path = absolutePath(file.path)
    let offsets = numbers.map { UInt32(truncatingIfNeeded: $0 - segment.firstRow).littleEndian }
    guard offsets.count == segment.rowCount else {
      throw MoultError(
        .corrupted,
        "\(path) cannot be made anew: \(segment.rowCount) rows are wanted, the catalog has \(offsets.count)")
    }
    let old = try? SegmentFile(path: path, kind: .rows, identity: file.identity, fileSystem: fileSystem)
    let writer = try SegmentWriter(
      path: path, kind: .rows, identity: segment.identity, rowCount: offsets.count,
      rowStride: MemoryLayout<UInt32>.stride, fileSystem: fileSystem)
    try offsets.withUnsafeBytes { bytes in
      if let base = bytes.baseAddress { try writer.append(rows: base, count: offsets.count) }
    }
    // Which rows had no vector in a field is not known: only the checksum can tell.
    guard (old == nil && collection.parentID == nil) || old?.header.payloadChecksum == writer.payloadChecksum
    else {
      throw MoultError(
        .corrupted, "\(path) cannot be made anew: the rows that the catalog has do not fit its checksum")
    }
    _ = try writer.finish()
  }

  // MARK: Parts

  /// Calls `body` with the rows and side bytes of a file of vectors, at the places where they must be.
  ///
  /// - Parameter body: may read the first `whole` rows; the file ends behind them.
  private func bytes<Value>(
    of segment: SegmentRecord, _ shape: VectorShape,
    _ body: (_ rows: UnsafeRawPointer, _ side: UnsafeRawPointer, _ whole: Int) throws -> Value
  ) throws -> Value {
    let path = absolutePath(segment.file)
    let none: [UInt64] = [0]
    guard let size = try fileSystem.size(atPath: path), size > 0 else {
      return try none.withUnsafeBytes { try body($0.baseAddress!, $0.baseAddress!, 0) }
    }
    let file = try fileSystem.open(path, .read)
    defer { fileSystem.close(file) }
    let rowsOffset = rowsOffset(of: segment, shape, in: file)
    guard size > rowsOffset else {
      return try none.withUnsafeBytes { try body($0.baseAddress!, $0.baseAddress!, 0) }
    }
    let mapping = try MappedFile(file, byteCount: size)
    let base = mapping.bytes.baseAddress!
    let whole = min(segment.rowCount, (size - rowsOffset) / shape.rowStride)
    return try body(base + rowsOffset, base + SegmentHeader.sideOffset, whole)
  }

  /// The header goes first: a crash right after a repair leaves a file whose capacity the catalog does not know yet.
  private func rowsOffset(of segment: SegmentRecord, _ shape: VectorShape, in file: OpenFile) -> Int {
    if let header = try? SegmentHeader(readingFrom: file, fileSystem: fileSystem),
      (try? header.require(kind: .vectors, identity: segment.identity, path: file.path)) != nil,
      header.rowStride == shape.rowStride, header.sideStride == shape.sideStride,
      header.rowCapacity >= segment.rowCount
    {
      return header.rowsOffset
    }
    return SegmentHeader(
      kind: .vectors, identity: segment.identity, rowCapacity: segment.rowCapacity,
      rowStride: shape.rowStride, sideStride: shape.sideStride
    ).rowsOffset
  }

  private func isWhole(_ segment: SegmentRecord) -> Bool {
    guard segment.state == .sealed else { return false }
    let file = try? SegmentFile(
      path: absolutePath(segment.file), kind: .vectors, identity: segment.identity, fileSystem: fileSystem)
    return (try? file?.verify()) != nil
  }

  private func rowNumbers(of segment: SegmentRecord, at places: [Range<Int>]) throws -> [Int64] {
    guard let path = segment.rowsFile else {
      return places.joined().map { segment.firstRow + Int64($0) }
    }
    let list = try SegmentFile(
      path: absolutePath(path), kind: .rows, identity: segment.identity, fileSystem: fileSystem)
    try list.verify()
    return places.joined().map { place in
      let offset = list.rows.loadUnaligned(
        fromByteOffset: place * MemoryLayout<UInt32>.stride, as: UInt32.self)
      return segment.firstRow + Int64(UInt32(littleEndian: offset))
    }
  }

  private func write(
    _ rows: UnsafeRawBufferPointer, _ side: UnsafeRawBufferPointer, of segment: SegmentRecord,
    _ shape: VectorShape, to path: String
  ) throws {
    guard segment.state == .growing else {
      let writer = try SegmentWriter(
        path: path, kind: .vectors, identity: segment.identity, rowCount: segment.rowCount,
        rowStride: shape.rowStride, sideStride: shape.sideStride, fileSystem: fileSystem)
      if let base = rows.baseAddress {
        try writer.append(rows: base, side: side.baseAddress, count: segment.rowCount)
      }
      _ = try writer.finish()
      return
    }
    let partial = path + partialSuffix
    let growing = try GrowingSegment(
      creating: partial, identity: segment.identity, rowCapacity: segment.rowCapacity,
      rowStride: shape.rowStride, sideStride: shape.sideStride, fileSystem: fileSystem)
    if let base = rows.baseAddress {
      try growing.append(rows: base, side: side.baseAddress, count: segment.rowCount, at: 0)
    }
    try growing.sync()
    try fileSystem.rename(partial, to: path)
    try fileSystem.syncDirectory(parentDirectory(of: path))
  }
}

extension PointStore {
  /// Points of those rows that are alive.
  func live(rows: [Int64], in db: Database) throws -> [StoredPoint] {
    let statement = try db.cachedStatement(
      sql: "SELECT row, key FROM \(table) WHERE row = ? AND died IS NULL")
    return try rows.compactMap { row in
      try Row.fetchOne(statement, arguments: [row]).map { StoredPoint(row: $0[0], id: id($0, at: 1)) }
    }
  }

  /// The `count` rows of a range that are alive or died last, rising.
  func youngest(_ count: Int, in rows: Range<Int64>, in db: Database) throws -> [Int64] {
    try Int64.fetchAll(
      db,
      sql: """
        SELECT row FROM \(table) WHERE row >= ? AND row < ? ORDER BY died IS NULL DESC, died DESC LIMIT ?
        """, arguments: [rows.lowerBound, rows.upperBound, count]
    ).sorted()
  }
}
