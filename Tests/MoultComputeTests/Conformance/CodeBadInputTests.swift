import Foundation
import MoultModel
import MoultTesting
import Testing

@testable import MoultCompute

/// Data that no model gives, but some collection has: the right error or the right answer.
@Suite("Codes of bad input")
struct CodeBadInputTests {
  private func trainingError(
    _ code: CodeCase, _ sample: [Float], dimension: Int, metric: Metric = .innerProduct
  ) -> MoultError? {
    do {
      _ = try VectorEncoder.trained(code.specification, dimension: dimension, metric: metric, on: sample)
      return nil
    } catch {
      return error as? MoultError
    }
  }

  /// Scores, standard errors and blocks of rows whatever they are: nothing traps, and nothing is a NaN for
  /// rows and queries of sane size.
  private func expectUsable(_ encoder: VectorEncoder, _ vectors: [Float], _ query: [Float], _ comment: String)
  {
    let coded = CodedVectors(encoder, vectors)
    for prepared in [encoder.prepare(query), encoder.prepare(row: coded.count - 1, of: coded.view)] {
      #expect(coded.scores(prepared).allSatisfy { $0.isFinite }, "\(comment)")
      var errors = [Float](repeating: .nan, count: coded.count)
      encoder.standardErrors(prepared, coded.view, first: 0, count: coded.count, into: &errors)
      #expect(errors.allSatisfy { $0.isFinite && $0 >= 0 }, "\(comment)")
    }
    #expect(encoder.decode(row: 0, of: coded.view).allSatisfy { $0.isFinite }, "\(comment)")
    guard let blocks = BlockCodes(encoder: encoder, codes: coded.view) else { return }
    let hits = FlatIndex.search(queries: query, queryCount: 1, codes: blocks, k: coded.count)[0]
    #expect(hits.count == coded.count && hits.allSatisfy { $0.score.isFinite }, "\(comment)")
  }

  @Test("a sample with NaN or infinity is refused, or what it spoils is left out", arguments: CodeCase.all)
  func notFinite(code: CodeCase) throws {
    var random = SeededGenerator(seed: 1)
    for value in [Float.nan, .infinity, -.infinity] {
      var sample = random.gaussianFloats(count: 60 * 10)
      sample[123] = value
      if let error = trainingError(code, sample, dimension: 10) {
        #expect(error.code == .invalidVector, "\(value): \(error)")
      } else {
        let encoder = try VectorEncoder.trained(
          code.specification, dimension: 10, metric: .innerProduct, on: sample)
        expectUsable(encoder, Array(sample[..<100]), Array(sample[200..<210]), "\(value)")
        let bytes = encoder.serialized()
        #expect(throws: Never.self) { try bytes.withUnsafeBytes { try VectorEncoder(serialized: $0) } }
      }
    }
  }

  @Test("all zero, constant, one vector, duplicates, denormals", arguments: CodeCase.all, Metric.allCases)
  func degenerate(code: CodeCase, metric: Metric) throws {
    var random = SeededGenerator(seed: 2)
    for dimension in [1, 40, 65] {
      let one = random.gaussianFloats(count: dimension)
      let few = random.gaussianFloats(count: 3 * dimension)
      let samples: [(String, [Float])] = [
        ("zero", [Float](repeating: 0, count: 40 * dimension)),
        ("constant", [[Float]](repeating: one, count: 40).flatMap { $0 }),
        ("one", one), ("few", few),
        ("duplicates", (0..<40).flatMap { $0 % 2 == 0 ? one : Array(few[..<dimension]) }),
        ("denormal", random.floats(count: 40 * dimension).map { $0 * 1e-41 }),
        ("tiny", random.floats(count: 40 * dimension).map { $0 * 1e-30 }),
        ("one axis", (0..<40).flatMap { i in (0..<dimension).map { $0 == 0 ? Float(i) / 7 : 0 } }),
      ]
      for (name, sample) in samples {
        let comment = "\(name), dimension \(dimension)"
        let encoder: VectorEncoder
        do {
          encoder = try VectorEncoder.trained(
            code.specification, dimension: dimension, metric: metric, on: sample)
        } catch {
          Issue.record("\(comment): \(error)")
          continue
        }
        expectUsable(encoder, sample, one, comment)
        // Later data is of another kind.
        expectUsable(encoder, few + sample, one, comment)
        // What the sample was is told exactly, or nearly, where all of it is one vector.
        if name == "constant" || name == "one" {
          let score = CodedVectors(encoder, sample).scores(encoder.prepare(one))[0]
          let truth = Oracle.score(one[...], one[...], metric)
          let isHamming = code.quantization == .qdrantBinary
          #expect(
            isHamming || abs(Double(score) - truth) <= 0.06 * pow(norm(one), 2) + 1e-4,
            "\(comment): \(score) for \(truth)")
        }
      }
    }
  }

  @Test("huge norms beside others", arguments: CodeCase.all, Metric.allCases)
  func hugeNorms(code: CodeCase, metric: Metric) throws {
    var random = SeededGenerator(seed: 3)
    let dimension = 40
    let vectors = random.gaussianFloats(count: 40 * dimension)
    let encoder = try VectorEncoder.trained(
      code.specification, dimension: dimension, metric: metric, on: vectors)
    for size in [1e5, 1e15, 1e18] as [Float] {
      // Beyond what float16 holds, and, squared, near the end of float32; scores of 1e18 may overflow.
      let huge = random.floats(count: 2 * dimension).map { $0 * size }
      let coded = CodedVectors(encoder, vectors + huge)
      let query = Array(vectors[..<dimension])
      for row in [40, 41] {
        #expect(encoder.decode(row: row, of: coded.view).allSatisfy { $0.isFinite }, "\(size)")
      }
      let scores = coded.scores(encoder.prepare(query))
      #expect(scores.prefix(40).allSatisfy { $0.isFinite } && !scores.contains { $0.isNaN }, "\(size)")
      if metric == .squaredEuclidean && size < 1e17 && code.isUnclamped {
        #expect(scores[40...].max()! < scores[..<40].min()!, "\(size)")
      }
      guard let blocks = BlockCodes(encoder: encoder, codes: coded.view) else { continue }
      let hits = FlatIndex.search(queries: query + huge, queryCount: 3, codes: blocks, k: 42)
      #expect(hits[0].count == 42, "\(size)")
    }
  }

  /// Behind a rotation there would be NaN, which instruction sets compare in ways of their own.
  @Test(
    "a vector whose rotation overflows has the code of the centre",
    arguments: [Quantization.lloyd1, .lloyd3, .lloyd5, .rabitq4, .segmented])
  func overflow(quantization: Quantization) throws {
    var random = SeededGenerator(seed: 8)
    let vectors = random.floats(count: 300 * 40)
    let encoder = try VectorEncoder.trained(
      EncodingSpecification(quantization: quantization, bits: quantization == .segmented ? 8 : nil),
      dimension: 40, metric: .innerProduct, on: vectors)
    let level = try #require(encoder.quantizer as? LevelQuantizer)
    let huge = (0..<40).map { _ in random.next() & 1 == 0 ? Float(3e38) : -3e38 }
    let coded = CodedVectors(encoder, level.centre.values + huge)
    let rows = Array(coded.bytes.prefix(2 * encoder.rowBytes))
    #expect(Array(rows[..<encoder.rowBytes]) == Array(rows[encoder.rowBytes...]))
    #expect(coded.scores(encoder.prepare(huge)).allSatisfy { !$0.isNaN })
  }

  @Test("odd and large dimensions", arguments: CodeCase.all)
  func dimensions(code: CodeCase) throws {
    var random = SeededGenerator(seed: 4)
    for dimension in [2, 5, 63, 1023, 8193, 32_767] {
      let vectors = random.floats(count: 3 * dimension)
      let isLearned = code.quantization == .segmented
      if isLearned && dimension > 1023 { continue }
      let encoder = try VectorEncoder.trained(
        code.specification, dimension: dimension, metric: .cosine, on: vectors, seed: 2)
      expectUsable(encoder, vectors, Array(vectors[..<dimension]), "\(dimension)")
      if dimension > 60 && code.quantization != .qdrantBinary && (code.bits ?? 8) >= 1 {
        let scores = CodedVectors(encoder, vectors).scores(encoder.prepare(Array(vectors[..<dimension])))
        #expect(scores[0] > max(scores[1], scores[2]), "\(dimension): \(scores)")
      }
    }
  }

  @Test("too many dimensions to learn directions from say what to do")
  func tooManyDimensions() throws {
    let vectors = [Float](repeating: 0.5, count: 2 * 8193)
    let code = CodeCase(quantization: .segmented, bits: 1)
    let error = try #require(trainingError(code, vectors, dimension: 8193))
    #expect(error.code == .unsupported && error.message.contains("8192") && error.message.contains("prefix"))
  }

  @Test("from fewer vectors than directions, learned ones lose little to random ones")
  func fewVectors() throws {
    let sample = WordNetSample.shared
    let training = Array(sample.base[..<(150 * 384)])
    func error(_ specification: EncodingSpecification) throws -> Double {
      let encoder = try VectorEncoder.trained(
        specification, dimension: 384, metric: .cosine, on: training, seed: 3)
      let vectors = Array(sample.base[(5000 * 384)..<(5200 * 384)])
      let coded = CodedVectors(encoder, vectors)
      var squares = 0.0
      for q in 0..<10 {
        let query = Array(sample.queries[q * 384..<(q + 1) * 384])
        let scores = coded.scores(encoder.prepare(query))
        for (score, truth) in zip(scores, Oracle.scores(query[...], vectors, .cosine)) {
          squares += pow(Double(score) - truth, 2)
        }
      }
      return squares
    }
    for (bits, random) in [(1.0, Quantization.lloyd1), (2, .lloyd2), (4, .lloyd4)] {
      let learned = try error(EncodingSpecification(quantization: .segmented, bits: bits))
      let other = try error(EncodingSpecification(quantization: random))
      #expect(learned < 1.2 * other, "\(bits) bits: \(learned / other)")
    }
  }

  // MARK: Forged encoders

  private func forged(_ bytes: [UInt8], _ change: (inout [UInt8]) -> Void) -> [UInt8] {
    var bytes = Array(bytes.dropLast(8))
    change(&bytes)
    return bytes + withUnsafeBytes(of: FNV1a.hash(bytes).littleEndian, Array.init)
  }

  private func refusal(_ bytes: [UInt8]) -> MoultError.Code? {
    do {
      _ = try bytes.withUnsafeBytes { try VectorEncoder(serialized: $0) }
      return nil
    } catch {
      return (error as? MoultError)?.code
    }
  }

  /// Where the level codes' own bytes begin: after the header of version 2.
  private static let codesOffset = 92

  @Test("every field of level codes is checked")
  func forgedLevelCodes() throws {
    var random = SeededGenerator(seed: 5)
    let vectors = random.gaussianFloats(count: 100 * 100)
    for quantization in [Quantization.lloyd4, .rabitq4] {
      let encoder = try VectorEncoder.trained(
        EncodingSpecification(quantization: quantization), dimension: 100, metric: .innerProduct, on: vectors)
      let bytes = encoder.serialized()
      let start = Self.codesOffset
      // Table, segments, head segments, widths.
      #expect(bytes[start] == (quantization == .lloyd4 ? 0 : 1))
      #expect(bytes[start + 1] == 4 && bytes[start + 3] == 4 && bytes[start + 5] == 4)
      #expect(refusal(forged(bytes) { _ in }) == nil)
      let spreads = start + 5 + 4 + 4
      let scales = spreads + 16
      let changes: [(String, (inout [UInt8]) -> Void)] = [
        ("table", { $0[start] = 2 }),
        ("no segments", { $0[start + 1] = 0 }),
        ("segments", { $0[start + 1] = 5 }),
        ("fewer segments", { $0[start + 1] = 3 }),
        ("no head", { $0[start + 3] = 0 }),
        ("long head", { $0[start + 3] = 5 }),
        ("width 0", { $0[start + 5] = 0 }),
        ("width 6", { $0[start + 5] = 6 }),
        ("rising width", { $0[start + 8] = 5 }),
        ("spread 0", { $0.replaceSubrange(spreads..<spreads + 4, with: [0, 0, 0, 0]) }),
        ("spread 2", { $0.replaceSubrange(spreads..<spreads + 4, with: [0, 0, 0, 0x40]) }),
        ("negative spread", { $0[spreads + 3] |= 0x80 }),
        ("NaN spread", { $0.replaceSubrange(spreads..<spreads + 4, with: [0, 0, 0xC0, 0x7F]) }),
        ("negative dropped variance", { $0.replaceSubrange(scales..<scales + 4, with: [0, 0, 0x80, 0xBF]) }),
        ("negative error scale", { $0[scales + 7] |= 0x80 }),
        ("infinite error scale", { $0.replaceSubrange(scales + 6..<scales + 8, with: [0x80, 0x7F]) }),
        ("length of the centre", { $0[scales + 8] = 99 }),
        ("kind of rotation", { $0[$0.count - 9] = 2 }),
        ("a matrix that is not there", { $0[$0.count - 9] = 1 }),
      ]
      for (name, change) in changes {
        #expect(refusal(forged(bytes, change)) == .corrupted, "\(quantization): \(name)")
      }
      // Codes are written in one piece: with a narrower segment they would run over their row.
      #expect(refusal(forged(bytes) { $0[start + 8] = 1 }) == .corrupted)
      // Another code's levels under this one's name.
      #expect(refusal(forged(bytes) { $0[start] = quantization == .lloyd4 ? 1 : 0 }) == .corrupted)
    }
  }

  @Test("segmented codes with forged bytes are refused or work", arguments: Metric.allCases)
  func forgedSegments(metric: Metric) throws {
    var random = SeededGenerator(seed: 6)
    let vectors = random.gaussianFloats(count: 300 * 70)
    let encoder = try VectorEncoder.trained(
      EncodingSpecification(quantization: .segmented, bits: 2), dimension: 70, metric: metric, on: vectors)
    let bytes = encoder.serialized()
    for round in 0..<400 {
      // Mostly where the numbers of segments and widths are.
      let end = round % 4 == 0 ? bytes.count - 8 : Self.codesOffset + 40
      let damaged = forged(bytes) { bytes in
        for _ in 0..<Int.random(in: 1...3, using: &random) {
          bytes[Int.random(in: 12..<end, using: &random)] =
            [0, 1, 2, 3, 4, 5, 8, 0x7F, 0x80, 0xFF].randomElement(using: &random)!
        }
      }
      guard let read = try? damaged.withUnsafeBytes({ try VectorEncoder(serialized: $0) }) else { continue }
      let coded = CodedVectors(read, [Float](repeating: 0.5, count: 2 * read.dimension))
      _ = coded.scores(read.prepare([Float](repeating: 1, count: read.dimension)))
      _ = read.decode(row: 0, of: coded.view)
      if let blocks = BlockCodes(encoder: read, codes: coded.view) {
        _ = FlatIndex.search(
          queries: [Float](repeating: 1, count: read.dimension), queryCount: 1, codes: blocks, k: 2)
      }
    }
  }
}

extension CodeCase {
  /// Whether vectors far outside the sample are still told from it: a factor of their own tells their length.
  fileprivate var isUnclamped: Bool {
    switch quantization {
    case .int8, .float16, .qdrantInt8, .qdrantBinary: false
    default: true
    }
  }
}
