public import MoultModel

/// Turns vectors into codes (transform → normalize under cosine → quantize) and scores codes.
///
/// Scores: higher is always nearer; squared Euclidean distances are negated. After a transform they are
/// those of the mapped vectors. The identity encoder (no quantization, no transform) stores the vectors as
/// given, plus 1/‖v‖: its rows are at once the full-precision store.
///
/// Immutable; any number of threads may use one encoder.
///
/// One encoder writes the same bytes on every machine, on devices too, whatever batch a vector comes in and whatever
/// the thread: rows of all codes and their side data, but for the last bits of ⟨x − c, c⟩ of `binary` (cosine, inner
/// product). Training goes through BLAS: what two machines learn from the same sample may differ in its last bits.
public final class VectorEncoder: Sendable {
  public let specification: EncodingSpecification
  /// Entries of the vectors and queries that come in.
  public let dimension: Int
  public let metric: Metric
  public let report: EncoderReport
  let transform: VectorTransform
  let quantizer: any Quantizer

  init(
    specification: EncodingSpecification, dimension: Int, metric: Metric, report: EncoderReport,
    transform: VectorTransform, quantizer: any Quantizer
  ) {
    precondition(quantizer.dimension == transform.outputDimension(from: dimension))
    self.specification = specification
    self.dimension = dimension
    self.metric = metric
    self.report = report
    self.transform = transform
    self.quantizer = quantizer
  }

  /// Entries that are quantized: what the transform leaves of `dimension`.
  public var codeDimension: Int { quantizer.dimension }
  public var rowBytes: Int { quantizer.rowBytes }
  /// Bytes of correction factors beside each row; may be 0.
  public var sideBytes: Int { quantizer.sideBytes }
  public var bytesPerVector: Int { rowBytes + sideBytes }

  // MARK: Encoding

  /// Encodes `count` vectors into contiguous rows and side data. Finite input is the caller's duty.
  ///
  /// - Parameters:
  ///   - vectors: `count × dimension`.
  ///   - rows: `count · rowBytes` bytes.
  ///   - side: `count · sideBytes` bytes, 4-byte aligned; `nil` leaves the side data out.
  /// - Complexity: scratch memory ≤ 1.5 MiB whatever `count` is (2 MiB above 65 536 / 4 dimensions).
  public func encode(
    _ vectors: UnsafePointer<Float>, count: Int, rows: UnsafeMutableRawPointer,
    side: UnsafeMutableRawPointer?
  ) {
    let normalizes = metric == .cosine && !specification.isIdentity
    let normalizing = quantizer as? any NormalizingQuantizer
    if case .linear(let map) = transform {
      encodeMapped(vectors, count: count, block: map.blockCount, rows: rows, side: side) {
        source, now, mapped in
        map.apply(source, count: now, into: mapped)
        guard normalizes else { return }
        for i in 0..<now {
          VectorNorm.normalize(mapped + i * codeDimension, codeDimension, into: mapped + i * codeDimension)
        }
      }
    } else if !normalizes {
      quantizer.encode(vectors, stride: dimension, count: count, rows: rows, side: side)
    } else if let normalizing {
      normalizing.encode(
        vectors, stride: dimension, count: count, normalizes: true, rows: rows, side: side)
    } else {
      // So few vectors a round that the next ones can be fetched meanwhile.
      let block = max(1, min(64, 1024 / codeDimension))
      encodeMapped(vectors, count: count, block: block, rows: rows, side: side) { source, now, mapped in
        for i in 0..<now {
          VectorNorm.normalize(source + i * dimension, codeDimension, into: mapped + i * codeDimension)
        }
      }
    }
  }

  /// Encodes what `map` makes of `block` vectors at a time.
  private func encodeMapped(
    _ vectors: UnsafePointer<Float>, count: Int, block: Int, rows: UnsafeMutableRawPointer,
    side: UnsafeMutableRawPointer?,
    map: (_ source: UnsafePointer<Float>, _ count: Int, _ mapped: UnsafeMutablePointer<Float>) -> Void
  ) {
    let codeDimension = codeDimension
    withUnsafeTemporaryAllocation(byteCount: 4 * block * codeDimension, alignment: 64) { scratch in
      let mapped = scratch.baseAddress!.bindMemory(to: Float.self, capacity: block * codeDimension)
      for done in stride(from: 0, to: count, by: block) {
        let rowsNow = min(block, count - done)
        let source = vectors + done * dimension
        map(source, rowsNow, mapped)
        // What comes next is on its way while these are encoded.
        KernelTable.prefetch(
          source + rowsNow * dimension, count: min(rowsNow, count - done - rowsNow) * dimension)
        quantizer.encode(
          mapped, stride: codeDimension, count: rowsNow, rows: rows + done * rowBytes,
          side: side.map { $0 + done * sideBytes })
      }
    }
  }

  /// What row `row` stands for, in code space: transformed, of unit length under cosine (the identity
  /// encoder excepted), as far as the code tells.
  public func decode(row: Int, of codes: CodeView) -> [Float] {
    precondition(row >= 0 && row < codes.count)
    return [Float](unsafeUninitializedCapacity: codeDimension) { buffer, count in
      buffer.initialize(repeating: 0)
      quantizer.decode(row: row, of: codes, into: buffer.baseAddress!)
      count = codeDimension
    }
  }

  // MARK: Scoring

  /// The form of `query` (`dimension` entries, finite) that `score` takes.
  public func prepare(_ query: UnsafePointer<Float>) -> PreparedQuery {
    withMapped(query) { quantizer.prepare($0) }
  }

  /// The same in the place of what `target` held: nothing is allocated once it had a query of this encoder.
  public func prepare(_ query: UnsafePointer<Float>, into target: PreparedQuery) {
    withMapped(query) { quantizer.prepare($0, into: target) }
  }

  /// The query as the quantizer sees it: transformed, of unit length under cosine.
  func withMapped<T>(_ query: UnsafePointer<Float>, _ body: (UnsafePointer<Float>) -> T) -> T {
    if specification.isIdentity { return body(query) }
    return ThreadScratch.with(Float.self, count: codeDimension) { mapped in
      transform.applyToOne(query, dimension: dimension, into: mapped)
      if metric == .cosine { VectorNorm.normalize(mapped, codeDimension, into: mapped) }
      return body(mapped)
    }
  }

  /// A stored row as the query, for building graphs: scores between what two codes stand for.
  public func prepare(row: Int, of codes: CodeView) -> PreparedQuery {
    precondition(row >= 0 && row < codes.count)
    return quantizer.prepare(row: row, of: codes)
  }

  /// Scores the rows `first ..< first + count`.
  public func score(
    _ query: PreparedQuery, _ codes: CodeView, first: Int, count: Int,
    into scores: UnsafeMutablePointer<Float>
  ) {
    precondition(first >= 0 && count >= 0 && first + count <= codes.count)
    quantizer.score(query, codes, first: first, indices: nil, count: count, into: scores)
  }

  /// Scores the `count` rows that `indices` names; each must be below `codes.count`, which is not checked.
  public func score(
    _ query: PreparedQuery, _ codes: CodeView, indices: UnsafePointer<UInt32>, count: Int,
    into scores: UnsafeMutablePointer<Float>
  ) {
    quantizer.score(query, codes, first: 0, indices: indices, count: count, into: scores)
  }

  /// The standard errors of the scores of the rows `first ..< first + count`, as far as quantization
  /// causes them (what a truncating transform left out is not counted). 0 for float codes.
  public func standardErrors(
    _ query: PreparedQuery, _ codes: CodeView, first: Int, count: Int,
    into errors: UnsafeMutablePointer<Float>
  ) {
    precondition(first >= 0 && count >= 0 && first + count <= codes.count)
    quantizer.standardErrors(query, codes, first: first, indices: nil, count: count, into: errors)
  }

  /// The standard errors of the `count` rows that `indices` names; each must be below `codes.count`, which is
  /// not checked.
  public func standardErrors(
    _ query: PreparedQuery, _ codes: CodeView, indices: UnsafePointer<UInt32>, count: Int,
    into errors: UnsafeMutablePointer<Float>
  ) {
    quantizer.standardErrors(query, codes, first: 0, indices: indices, count: count, into: errors)
  }
}
