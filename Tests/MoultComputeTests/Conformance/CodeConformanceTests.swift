import MoultModel
import MoultTesting
import Testing

@testable import MoultCompute

/// What every code promises, whatever it is made of. One suite for all of them.
@Suite("Every code")
struct CodeConformanceTests {
  private func forEach(
    _ code: CodeCase, _ metric: Metric, dimensions: [Int] = CodeFixture.dimensions,
    _ body: (CodeFixture) throws -> Void
  ) throws {
    for dimension in dimensions { try body(CodeFixture(code, metric: metric, dimension: dimension)) }
  }

  // MARK: What a code stands for

  @Test("decoding comes as near as the code promises", arguments: CodeCase.all, Metric.allCases)
  func decodes(code: CodeCase, metric: Metric) throws {
    try forEach(code, metric) { fixture in
      guard let promised = code.relativeError(fixture) else { return }
      var mean = [Float](repeating: 0, count: fixture.dimension)
      let rows = (1..<25).map { fixture.seen($0) }
      for row in rows { for j in mean.indices { mean[j] += row[j] / Float(rows.count) } }
      var (error, energy) = (0.0, 0.0)
      for (i, row) in rows.enumerated() {
        let missed = difference(fixture.encoder.decode(row: i + 1, of: fixture.coded.view), row)
        let own = difference(row, mean)
        error += Oracle.dot(missed[...], missed[...])
        energy += Oracle.dot(own[...], own[...])
      }
      // Few dimensions: the sample's spread tells little of one vector.
      let slack = fixture.dimension < 31 ? 2.0 : 1.5
      #expect(error <= slack * promised * energy + 1e-9, "\(fixture.dimension): \(error / energy)")
    }
  }

  @Test(
    "a score is that of the decoded vector, but for a term that is the row's own and known",
    arguments: CodeCase.all, Metric.allCases)
  func scoresLikeDecoded(code: CodeCase, metric: Metric) throws {
    guard let rounding = code.queryRounding else { return }
    try forEach(code, metric) { fixture in
      let centre = fixture.centre
      let centreNorm = norm(centre)
      let scores = fixture.queries.map { fixture.coded.scores(fixture.encoder.prepare($0)) }
      for row in [0, 1, 2, 5, 6, 80, CodeFixture.count - 1] {
        let decoded = fixture.encoder.decode(row: row, of: fixture.coded.view)
        let own = fixture.ownTerm(row: row, decoded: decoded)
        for (query, scores) in zip(fixture.queries, scores) {
          let seen = fixture.seen(query)
          // A clamped distance says no more than that it is small.
          if metric == .squaredEuclidean && scores[row] == 0 { continue }
          let expected =
            metric == .squaredEuclidean || fixture.encoder.specification.isIdentity
            ? Oracle.score(seen[...], decoded[...], metric) : Oracle.dot(seen[...], decoded[...])
          let scale =
            (norm(seen) + centreNorm) * (norm(decoded) + centreNorm)
            + (metric == .squaredEuclidean ? Oracle.dot(seen[...], seen[...]) * 1e-3 : 0)
          let missed = abs(Double(scores[row]) - expected - own)
          #expect(
            missed <= (fixture.dimension < 31 ? 2 : 1) * rounding * 2 * scale + 1e-5,
            "dimension \(fixture.dimension), row \(row): \(scores[row]) for \(expected) + \(own)")
        }
      }
    }
  }

  @Test(
    "standard errors are numbers, and those of listed rows the same", arguments: CodeCase.all, Metric.allCases
  )
  func standardErrors(code: CodeCase, metric: Metric) throws {
    try forEach(code, metric, dimensions: [1, 33, 384]) { fixture in
      let view = fixture.coded.view
      let zero = [Float](repeating: 0, count: fixture.dimension)
      let prepared = [zero, fixture.queries[0]].map { (query: [Float]) in fixture.encoder.prepare(query) }
      for query in prepared + [fixture.encoder.prepare(row: 3, of: view)] {
        var errors = [Float](repeating: .nan, count: view.count)
        fixture.encoder.standardErrors(query, view, first: 0, count: view.count, into: &errors)
        #expect(errors.allSatisfy { $0.isFinite && $0 >= 0 })
        let indices: [UInt32] = [149, 0, 7, 7, 80]
        var listed = [Float](repeating: .nan, count: 5)
        fixture.encoder.quantizer.standardErrors(
          query, view, first: 0, indices: indices, count: 5, into: &listed)
        #expect(listed == indices.map { errors[Int($0)] })
      }
    }
  }

  // MARK: Same bytes, same scores

  @Test("the bytes do not depend on batch, thread or stride", arguments: CodeCase.all, Metric.allCases)
  func encodesLikewise(code: CodeCase, metric: Metric) throws {
    try forEach(code, metric) { fixture in
      let (encoder, count, dimension) = (fixture.encoder, CodeFixture.count, fixture.dimension)
      let all = fixture.coded.bytes
      let split = CodedVectors(encoder, fixture.vectors)
      split.rows.initializeMemory(as: UInt8.self, repeating: 0xA5, count: count * encoder.rowBytes)
      nonisolated(unsafe) let (rows, side) = (split.rows, split.side)
      let vectors = fixture.vectors
      let starts = [0, 1, 17, 64, 65, 130, count]
      ParallelFor.threads.run(starts.count - 1) { part in
        let first = starts[part]
        vectors.withUnsafeBufferPointer {
          encoder.encode(
            $0.baseAddress! + first * dimension, count: starts[part + 1] - first,
            rows: rows + first * encoder.rowBytes, side: side + first * encoder.sideBytes)
        }
      }
      #expect(split.bytes == all, "\(dimension)")

      // With a stride, and without side data.
      let quantizer = encoder.quantizer
      let wide = (0..<count).flatMap { fixture.seen($0) + [.nan, .infinity, 3e38] }
      let narrow = (0..<count).flatMap { fixture.seen($0) }
      let (strided, plain) = (CodedVectors(encoder, fixture.vectors), CodedVectors(encoder, fixture.vectors))
      quantizer.encode(wide, stride: dimension + 3, count: count, rows: strided.rows, side: strided.side)
      quantizer.encode(narrow, stride: dimension, count: count, rows: plain.rows, side: plain.side)
      #expect(strided.bytes == plain.bytes, "\(dimension)")
      plain.rows.initializeMemory(as: UInt8.self, repeating: 0, count: count * encoder.rowBytes)
      quantizer.encode(narrow, stride: dimension, count: count, rows: plain.rows, side: nil)
      #expect(strided.bytes == plain.bytes, "\(dimension)")
    }
  }

  @Test("a code takes the bytes that it says, and writes no others", arguments: CodeCase.all)
  func size(code: CodeCase) throws {
    try forEach(code, .squaredEuclidean) { fixture in
      let encoder = fixture.encoder
      #expect(encoder.bytesPerVector == encoder.rowBytes + encoder.sideBytes)
      #expect(encoder.sideBytes % 4 == 0)
      let (rowsEnd, sideEnd) = (3 * encoder.rowBytes, 3 * encoder.sideBytes)
      let rows = UnsafeMutableRawPointer.allocate(byteCount: rowsEnd + 64, alignment: 64)
      let side = UnsafeMutableRawPointer.allocate(byteCount: sideEnd + 64, alignment: 64)
      defer {
        rows.deallocate()
        side.deallocate()
      }
      var ends: [[UInt8]] = []
      for filler in [0x00, 0xFF] as [UInt8] {
        rows.initializeMemory(as: UInt8.self, repeating: filler, count: rowsEnd + 64)
        side.initializeMemory(as: UInt8.self, repeating: filler, count: sideEnd + 64)
        encoder.encode(Array(fixture.vectors[..<(3 * fixture.dimension)]), count: 3, rows: rows, side: side)
        #expect((0..<64).allSatisfy { rows.load(fromByteOffset: rowsEnd + $0, as: UInt8.self) == filler })
        #expect((0..<64).allSatisfy { side.load(fromByteOffset: sideEnd + $0, as: UInt8.self) == filler })
        ends.append(
          Array(UnsafeRawBufferPointer(start: rows, count: rowsEnd))
            + Array(UnsafeRawBufferPointer(start: side, count: sideEnd)))
      }
      // Nothing is left as it was.
      #expect(ends[0] == ends[1])
      // No more than the bits asked for, and what fills the last segment or word.
      let padded = (fixture.dimension + 63) / 64 * 64
      #expect(Double(encoder.rowBytes) <= encoder.specification.bitsPerDimension * Double(padded) / 8)
    }
  }

  @Test(
    "a row's score is the same in a range, in a list and with strides", arguments: CodeCase.all,
    Metric.allCases)
  func scoresAgree(code: CodeCase, metric: Metric) throws {
    try forEach(code, metric, dimensions: [3, 33, 384]) { fixture in
      let (encoder, view) = (fixture.encoder, fixture.coded.view)
      let indices: [UInt32] = (0..<300).map { UInt32(($0 * 7) % view.count) }
      let stride = (encoder.rowBytes + 3) / 4 * 4 + encoder.sideBytes
      let memory = UnsafeMutableRawPointer.allocate(byteCount: view.count * stride, alignment: 4)
      defer { memory.deallocate() }
      for row in 0..<view.count {
        (memory + row * stride).copyMemory(
          from: view.rows + row * encoder.rowBytes, byteCount: encoder.rowBytes)
        (memory + (row + 1) * stride - encoder.sideBytes).copyMemory(
          from: fixture.coded.side + row * encoder.sideBytes, byteCount: encoder.sideBytes)
      }
      let interleaved = CodeView(
        rows: memory, rowStride: stride, side: memory + stride - encoder.sideBytes, sideStride: stride,
        count: view.count)
      for query in [encoder.prepare(fixture.queries[1]), encoder.prepare(row: 9, of: view)] {
        let scores = fixture.coded.scores(query)
        #expect(scores[5] == scores[6])
        for view in [view, interleaved] {
          var gathered = [Float](repeating: .nan, count: 300)
          encoder.score(query, view, indices: indices, count: 300, into: &gathered)
          #expect(gathered == indices.map { scores[Int($0)] })
          var ranged = [Float](repeating: .nan, count: 70)
          encoder.score(query, view, first: 61, count: 70, into: &ranged)
          #expect(ranged == Array(scores[61..<131]))
        }
      }
      // A row of a strided view as the query.
      #expect(
        fixture.coded.scores(encoder.prepare(row: 9, of: interleaved))
          == fixture.coded.scores(encoder.prepare(row: 9, of: view)))
      #expect(encoder.decode(row: 9, of: interleaved) == encoder.decode(row: 9, of: view))
    }
  }

  @Test(
    "an encoder that was written and read gives the same bytes, codes and scores", arguments: CodeCase.all,
    Metric.allCases)
  func roundTrips(code: CodeCase, metric: Metric) throws {
    try forEach(code, metric, dimensions: [1, 33, 100]) { fixture in
      let bytes = fixture.encoder.serialized()
      let read = try bytes.withUnsafeBytes { try VectorEncoder(serialized: $0) }
      #expect(read.serialized() == bytes)
      #expect(read.specification == fixture.encoder.specification && read.report == fixture.encoder.report)
      let again = CodedVectors(read, fixture.vectors)
      #expect(again.bytes == fixture.coded.bytes)
      let query = fixture.queries[2]
      #expect(again.scores(read.prepare(query)) == fixture.coded.scores(fixture.encoder.prepare(query)))
    }
  }

  // MARK: Codes as queries

  @Test("a stored row ranks like what it stands for", arguments: CodeCase.all, Metric.allCases)
  func preparesRows(code: CodeCase, metric: Metric) throws {
    guard let rounding = code.queryRounding else { return }
    // Dimensions that no code pads: what a code stands for is then all of it.
    try forEach(code, metric, dimensions: [64, 384]) { fixture in
      let view = fixture.coded.view
      for row in [1, 7, 149] {
        let scores = fixture.coded.scores(fixture.encoder.prepare(row: row, of: view))
        let decoded = fixture.encoder.decode(row: row, of: view)
        let like = fixture.coded.scores(fixture.encoder.quantizer.prepare(decoded))
        // Where neither is clamped, they differ by one number for all rows.
        let rows = (0..<view.count).filter { metric != .squaredEuclidean || (scores[$0] < 0 && like[$0] < 0) }
        let offsets = rows.map { Double(scores[$0]) - Double(like[$0]) }
        let spread = (offsets.max() ?? 0) - (offsets.min() ?? 0)
        let widest = rows.map { norm(fixture.encoder.decode(row: $0, of: view)) }.max() ?? 0
        let own = norm(decoded) + norm(fixture.centre)
        #expect(
          spread <= 4 * rounding * own * (widest + norm(fixture.centre)) + 1e-5,
          "dimension \(fixture.dimension), row \(row): \(spread)")
      }
    }
  }
}

extension CodeFixture {
  /// What a score has beyond that of the decoded vector: the part of it that a code keeps exactly.
  fileprivate func ownTerm(row: Int, decoded: [Float]) -> Double {
    guard encoder.quantizer is LevelQuantizer || encoder.quantizer is BinaryQuantizer else {
      return int4Term(row: row, decoded: decoded)
    }
    let v = difference(seen(row), centre)
    let y = difference(decoded, centre)
    if metric == .squaredEuclidean { return Oracle.dot(y[...], y[...]) - Oracle.dot(v[...], v[...]) }
    return Oracle.dot(difference(v, y)[...], centre[...])
  }

  private func int4Term(row: Int, decoded: [Float]) -> Double {
    guard let int4 = encoder.quantizer as? Int4Quantizer, metric == .squaredEuclidean else { return 0 }
    let v = difference(seen(row), int4.centre.values)
    let y = difference(decoded, int4.centre.values)
    return Oracle.dot(y[...], y[...]) - Oracle.dot(v[...], v[...])
  }
}

extension CodeCase {
  /// Mean squared error of what is decoded over the mean squared distance from the mean; `nil` for codes that
  /// stand for no vector. Codes with an unbiased factor: D/(1 − D) (QUANTIZATION.md B2.4).
  fileprivate func relativeError(_ fixture: CodeFixture) -> Double? {
    switch quantization {
    case .none: 0
    case .float16: 1e-6
    case .bfloat16: 2e-5
    case .int8: 3e-3
    case .qdrantInt8: 0.05
    case .int4: 0.02
    case .binary, .lloyd1, .rabitq1: 0.571
    case .lloyd2: 0.1331
    case .lloyd3: 0.0359
    case .lloyd4: 0.00959
    case .lloyd5: 0.0025
    case .rabitq2: 0.1349
    case .rabitq3: 0.0389
    case .rabitq4: 0.0117
    case .osq1: 1.5
    case .osq4: 0.12
    case .qdrantBinary: nil
    case .segmented: (fixture.encoder.quantizer as? LevelQuantizer)?.promisedError
    }
  }

  /// What the rounding of the query adds to a score at most, over the lengths of both; `nil` for the peers'
  /// codes that round queries to a grid of the collection or to 4 bits (their own suites know how).
  fileprivate var queryRounding: Double? {
    switch quantization {
    case .none, .float16, .bfloat16: 1e-6
    case .int8: 3e-3
    case .qdrantInt8, .qdrantBinary, .osq1, .osq4: nil
    default: 0.015
    }
  }
}

extension LevelQuantizer {
  /// What the widths come to for data of the variances that were found.
  fileprivate var promisedError: Double {
    let covered = zip(widths, spreads).reduce(0.0) {
      let distortion = LevelTable.lloyd(bits: $1.0).distortion
      return $0 + 32 * Double($1.1 * $1.1) * distortion / (1 - distortion)
    }
    return covered + Double(droppedVariance) * Double(max(0, dimension - layout.dimension))
  }
}
