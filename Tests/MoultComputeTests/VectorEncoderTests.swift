import MoultModel
import MoultTesting
import Testing

@testable import MoultCompute

/// What holds for every code, transform, metric and dimension.
@Suite("Vector encoder")
struct VectorEncoderTests {
  /// 300 vectors, some zero, some equal, some long; trained on all.
  private func makeAll(
    dimension: Int, metric: Metric, count: Int = 300,
    _ body: (EncodingSpecification, CodedVectors, [Float]) throws -> Void
  ) throws {
    var random = SeededGenerator(seed: UInt64(dimension))
    var vectors = random.gaussianFloats(count: count * dimension)
    for j in 0..<dimension {
      vectors[j] = 0
      vectors[5 * dimension + j] = vectors[6 * dimension + j]
      vectors[7 * dimension + j] *= 10
    }
    for specification in allSpecifications(dimension: dimension) {
      let encoder = try VectorEncoder.trained(
        specification, dimension: dimension, metric: metric, on: vectors, seed: 3)
      try body(specification, CodedVectors(encoder, vectors), vectors)
    }
  }

  @Test("scores are finite, whatever is zero", arguments: boundaryDimensions, Metric.allCases)
  func scoresAreFinite(dimension: Int, metric: Metric) throws {
    try makeAll(dimension: dimension, metric: metric) { specification, coded, vectors in
      let encoder = coded.encoder
      let zero = [Float](repeating: 0, count: dimension)
      let queries = [encoder.prepare(zero), encoder.prepare(Array(vectors[dimension..<2 * dimension]))]
      let rows = [0, 1, 199].map { encoder.prepare(row: $0, of: coded.view) }
      for query in queries + rows {
        #expect(coded.scores(query).allSatisfy { $0.isFinite }, "\(specification)")
        var errors = [Float](repeating: .nan, count: coded.count)
        encoder.standardErrors(query, coded.view, first: 0, count: coded.count, into: &errors)
        #expect(errors.allSatisfy { $0.isFinite && $0 >= 0 }, "\(specification)")
      }
      // Equal vectors have equal codes.
      let scores = coded.scores(queries[1])
      #expect(scores[5] == scores[6])
    }
  }

  @Test(
    "a row's score is the same alone, in a list, and with strides", arguments: [3, 64, 65, 300],
    Metric.allCases)
  func scoresAgree(dimension: Int, metric: Metric) throws {
    try makeAll(dimension: dimension, metric: metric) { specification, coded, vectors in
      let encoder = coded.encoder
      let query = encoder.prepare(Array(vectors[dimension..<2 * dimension]))
      let scores = coded.scores(query)
      let indices: [UInt32] = (0..<300).map { UInt32(($0 * 7) % coded.count) }
      var gathered = [Float](repeating: .nan, count: 300)
      encoder.score(query, coded.view, indices: indices, count: 300, into: &gathered)
      #expect(gathered == indices.map { scores[Int($0)] }, "\(specification)")
      var one: Float = .nan
      encoder.score(query, coded.view, first: 150, count: 1, into: &one)
      #expect(one == scores[150], "\(specification)")
      encoder.score(query, coded.view.subview(from: 100, count: 60), first: 50, count: 1, into: &one)
      #expect(one == scores[150], "\(specification)")

      // Interleaved: a row, then its side data.
      let stride = (encoder.rowBytes + 3) / 4 * 4 + encoder.sideBytes
      let memory = UnsafeMutableRawPointer.allocate(byteCount: coded.count * stride, alignment: 4)
      defer { memory.deallocate() }
      for row in 0..<coded.count {
        (memory + row * stride).copyMemory(
          from: coded.rows + row * encoder.rowBytes, byteCount: encoder.rowBytes)
        (memory + (row + 1) * stride - encoder.sideBytes).copyMemory(
          from: coded.side + row * encoder.sideBytes, byteCount: encoder.sideBytes)
      }
      let interleaved = CodeView(
        rows: memory, rowStride: stride, side: memory + stride - encoder.sideBytes, sideStride: stride,
        count: coded.count)
      var strided = [Float](repeating: .nan, count: coded.count)
      encoder.score(query, interleaved, first: 0, count: coded.count, into: &strided)
      #expect(strided == scores, "\(specification)")
      encoder.score(query, interleaved, indices: indices, count: coded.count, into: &strided)
      #expect(strided == Array(gathered.prefix(coded.count)), "\(specification)")
    }
  }

  @Test("codes do not depend on the batch they come in", arguments: [3, 64, 65, 300], Metric.allCases)
  func encodesLikewise(dimension: Int, metric: Metric) throws {
    try makeAll(dimension: dimension, metric: metric) { specification, coded, vectors in
      let encoder = coded.encoder
      for (first, count) in [(0, 1), (1, 65), (66, 63), (129, 71), (199, 1)] {
        let part = CodedVectors(
          encoder, Array(vectors[first * dimension..<(first + count) * dimension]))
        let bytes = coded.bytes
        let rowsEnd = coded.count * encoder.rowBytes
        let expected =
          bytes[first * encoder.rowBytes..<(first + count) * encoder.rowBytes]
          + bytes[
            rowsEnd + first * encoder.sideBytes..<rowsEnd + (first + count) * encoder.sideBytes]
        #expect(part.bytes == Array(expected), "\(specification)")
      }
    }
  }

  @Test("survives being written and read", arguments: [1, 2, 3, 64, 65, 300], Metric.allCases)
  func roundTrips(dimension: Int, metric: Metric) throws {
    try makeAll(dimension: dimension, metric: metric, count: 20) { specification, coded, vectors in
      var specification = specification
      if dimension > 64 {
        specification.index = .hnsw(m: 24, efConstruction: 300)
        specification.oversampling = 2.5
      }
      let encoder = try VectorEncoder.trained(
        specification, dimension: dimension, metric: metric, on: vectors, seed: 3)
      let bytes = encoder.serialized()
      let read = try bytes.withUnsafeBytes { try VectorEncoder(serialized: $0) }
      #expect(read.specification == specification)
      #expect(read.report == encoder.report)
      #expect(read.metric == metric && read.dimension == dimension)
      #expect(read.serialized() == bytes)
      let again = CodedVectors(read, vectors)
      #expect(again.bytes == coded.bytes)
      let query = Array(vectors[dimension..<2 * dimension])
      #expect(again.scores(read.prepare(query)) == coded.scores(encoder.prepare(query)))
    }
  }

  @Test("float codes score exactly, up to float32 rounding", arguments: boundaryDimensions, Metric.allCases)
  func floatCodesAreExact(dimension: Int, metric: Metric) throws {
    var random = SeededGenerator(seed: UInt64(dimension))
    let vectors = random.gaussianFloats(count: 100 * dimension)
    let query = random.gaussianFloats(count: dimension)
    let exact = Oracle.scores(query[...], vectors, metric)
    let identity = VectorEncoder.identity(dimension: dimension, metric: metric)
    // All principal components keep every score.
    let rotated = try VectorEncoder.trained(
      EncodingSpecification(dimensions: dimension, transform: .pca), dimension: dimension, metric: metric,
      on: vectors)
    for encoder in [identity, rotated] {
      let scores = CodedVectors(encoder, vectors).scores(encoder.prepare(query))
      for row in 0..<100 {
        let scale =
          metric == .cosine ? 1 : pow2(norm(query) + norm(vectors[row * dimension..<(row + 1) * dimension]))
        #expect(abs(Double(scores[row]) - exact[row]) < 1e-5 * scale)
      }
    }
  }

  @Test("the identity stores vectors bit for bit, with their inverse norms", arguments: Metric.allCases)
  func identityStores(metric: Metric) {
    let vectors: [Float] = [3, 4, 0, -0.0, 0, 0, 1e30, 0, 0]
    let encoder = VectorEncoder.identity(dimension: 3, metric: metric)
    #expect(encoder.rowBytes == 12 && encoder.sideBytes == 4)
    let coded = CodedVectors(encoder, vectors)
    let expected = (vectors + [0.2, 0, 1e-30]).flatMap { withUnsafeBytes(of: $0.bitPattern, Array.init) }
    #expect(coded.bytes == expected)
    #expect(encoder.decode(row: 0, of: coded.view) == [3, 4, 0])
  }

  @Test("a prefix is the first entries, of unit length under cosine")
  func prefixes() throws {
    let encoder = try VectorEncoder.trained(
      EncodingSpecification(dimensions: 2, transform: .prefix), dimension: 4, metric: .cosine, on: [])
    let coded = CodedVectors(encoder, [3, 4, 100, -7])
    #expect(encoder.codeDimension == 2 && encoder.rowBytes == 8 && encoder.sideBytes == 0)
    let decoded = encoder.decode(row: 0, of: coded.view)
    #expect(abs(decoded[0] - 0.6) < 1e-6 && abs(decoded[1] - 0.8) < 1e-6)
  }

  @Test("encoding twice with one seed gives the same encoder")
  func trainingRepeats() throws {
    var random = SeededGenerator(seed: 1)
    let vectors = random.gaussianFloats(count: 100 * 20)
    for specification in allSpecifications(dimension: 20) {
      let first = try VectorEncoder.trained(specification, dimension: 20, metric: .cosine, on: vectors)
      let second = try VectorEncoder.trained(specification, dimension: 20, metric: .cosine, on: vectors)
      #expect(first.serialized() == second.serialized())
    }
  }

  @Test("says what its codes are not trained from, and refuses")
  func refuses() {
    func train(
      _ specification: EncodingSpecification, dimension: Int = 4, sample: [Float] = [1, 2, 3, 4]
    ) -> MoultError.Code? {
      do {
        _ = try VectorEncoder.trained(specification, dimension: dimension, metric: .cosine, on: sample)
        return nil
      } catch {
        return (error as? MoultError)?.code
      }
    }
    #expect(train(EncodingSpecification(dimensions: 5, transform: .prefix)) == .invalidArgument)
    #expect(train(EncodingSpecification(dimensions: 0, transform: .pca)) == .invalidArgument)
    #expect(train(EncodingSpecification(dimensions: 3, transform: Transform.none)) == .invalidArgument)
    #expect(train(EncodingSpecification(quantization: .int8), sample: []) == .invalidArgument)
    #expect(train(EncodingSpecification(dimensions: 3, transform: .pca), sample: []) == .invalidArgument)
    #expect(train(EncodingSpecification(), dimension: 40_000, sample: []) == .invalidArgument)
    #expect(
      train(EncodingSpecification(quantization: .int8), sample: [.infinity, 0, 0, 0]) == .invalidVector)
    #expect(train(EncodingSpecification(quantization: .binary), sample: []) == nil)
    #expect(train(EncodingSpecification(dimensions: 3, transform: .prefix), sample: []) == nil)
  }

  @Test("numbers that overflow on the way do not crash", arguments: Metric.allCases)
  func survivesOverflow(metric: Metric) throws {
    var random = SeededGenerator(seed: 3)
    let vectors = random.gaussianFloats(count: 300 * 12)
    let huge = (0..<12).map { Float($0 % 2 == 0 ? 3e38 : -3e38) }
    for specification in allSpecifications(dimension: 12) {
      let encoder = try VectorEncoder.trained(specification, dimension: 12, metric: metric, on: vectors)
      let coded = CodedVectors(encoder, vectors + huge)
      for query in [Array(vectors[..<12]), huge] {
        let prepared = encoder.prepare(query)
        _ = FlatIndex.search(encoder: encoder, query: prepared, codes: coded.view, live: .all, k: 10)
      }
      _ = coded.scores(encoder.prepare(row: 300, of: coded.view))
    }
    let originals = CodedVectors(.identity(dimension: 12, metric: metric), vectors + huge)
    let queries = [[Float]](repeating: huge, count: 20).flatMap { $0 }
    let hits = ExactSearch.search(
      queries: queries, queryCount: 20, dimension: 12, metric: metric,
      segments: [ExactSegment(codes: originals.view)], k: 10)
    #expect(hits.count == 20)
    if metric == .cosine { #expect(hits[0].first?.row == 300) }
  }

  /// Learned directions have a limit of their own.
  @Test("the largest dimension works", arguments: Quantization.allCases.filter { $0 != .segmented })
  func largestDimension(quantization: Quantization) throws {
    var random = SeededGenerator(seed: 2)
    let vectors = random.floats(count: 2 * 32_768, range: -1...1)
    let encoder = try VectorEncoder.trained(
      EncodingSpecification(quantization: quantization), dimension: 32_768, metric: .cosine, on: vectors)
    let coded = CodedVectors(encoder, vectors)
    let scores = coded.scores(encoder.prepare(Array(vectors[..<32_768])))
    #expect(abs(scores[0] - 1) < 0.05 && abs(scores[1]) < 0.05)
  }
}

private func pow2(_ x: Double) -> Double { x * x }
