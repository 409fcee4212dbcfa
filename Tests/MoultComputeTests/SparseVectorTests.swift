import MoultCompute
import MoultModel
import MoultTesting
import Testing

@Suite("sparse vectors")
struct SparseVectorTests {
  @Test("bytes and back is the same vector, for 0 to 100 entries", arguments: 0..<40)
  func roundTrip(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let vector = random.sparseVector(dimensions: 1 << 20, count: Int.random(in: 0...100, using: &random))
    let bytes = vector.bytes
    #expect(bytes.count == SparseVector.entryBytes * vector.count)
    #expect(try bytes.withUnsafeBytes { try SparseVector(bytes: $0) } == vector)
  }

  @Test("the byte form is that of Milvus: index, then value, little-endian")
  func goldenBytes() throws {
    let vector = try SparseVector(indices: [1, 0x0102_0304], values: [1, -0.5])
    #expect(vector.bytes == [1, 0, 0, 0, 0, 0, 0x80, 0x3F, 4, 3, 2, 1, 0, 0, 0, 0xBF])
  }

  @Test(
    "what is no sparse vector is refused with the entry and why",
    arguments: [
      ([1, 1], [1, 2], "entry 1 (index 1): stands twice; indices must ascend"),
      ([7, 5], [1, 2], "entry 1 (index 5): comes after 7; indices must ascend"),
      ([0, .max], [1, 2], "entry 1 (index 4294967295): the largest index is 4294967294"),
      ([3], [.nan], "entry 0 (index 3): the value nan is not a finite number"),
      ([3, 4], [1, -.infinity], "entry 1 (index 4): the value -inf is not a finite number"),
      ([3, 4], [1], "expected as many values as indices (2), got 1"),
    ] as [([UInt32], [Float], String)])
  func refused(indices: [UInt32], values: [Float], message: String) {
    let error = #expect(throws: MoultError.self) { try SparseVector(indices: indices, values: values) }
    #expect(error?.code == .invalidVector)
    #expect(error?.message.contains(message) == true, "\(error?.message ?? "")")
  }

  @Test("entries may come in any order, but none twice")
  func unordered() throws {
    let vector = try SparseVector(entries: [(index: 9, value: 1), (index: 2, value: 3)])
    #expect(vector.indices == [2, 9] && vector.values == [3, 1])
    #expect(throws: MoultError.self) {
      try SparseVector(entries: [(index: 9, value: 1), (index: 9, value: 1)])
    }
  }

  @Test("damaged bytes are a vector or an error, and a vector is read as it is written")
  func fuzzed() {
    var random = SeededGenerator(seed: 1)
    let corpus = (0..<8).map { random.sparseVector(dimensions: 1000, count: 5 * $0).bytes }
    func isExpected(_ error: any Error) -> Bool { (error as? MoultError)?.code == .invalidVector }
    let outcome = FuzzOutcome.run(ByteFuzzer(seed: 2, corpus: corpus), isExpected: isExpected) { bytes in
      let vector = try bytes.withUnsafeBytes { try SparseVector(bytes: $0) }
      guard vector.bytes == bytes else { throw MoultError(.internalError, "read \(vector) from \(bytes)") }
    }
    #expect(outcome.faults.isEmpty, "\(outcome.faults.prefix(3))")
    #expect(outcome.accepted > 0 && outcome.accepted < outcome.inputs)
  }

  @Test("dropping takes the values nearest to 0, and none that ties with one that stays")
  func dropping() throws {
    let vector = try SparseVector(indices: [1, 2, 3, 4, 5], values: [0.5, -4, 1, -1, 3])
    #expect(vector.dropping(ratio: 0) == vector)
    #expect(vector.dropping(ratio: 0.19) == vector)
    #expect(vector.dropping(ratio: 0.2).indices == [2, 3, 4, 5])
    #expect(vector.dropping(ratio: 0.4).indices == [2, 3, 4, 5])
    #expect(vector.dropping(ratio: 0.6).indices == [2, 5])
    #expect(vector.dropping(ratio: 0.99).indices == [2])
    #expect(try SparseVector(indices: [], values: []).dropping(ratio: 0.5).count == 0)
  }

  @Test("an inner product beyond float is float's largest number, so that it can be compared and written")
  func dotIsFinite() throws {
    let vector = try SparseVector(indices: [1, 2], values: [3e38, 3e38])
    let negated = try SparseVector(indices: [1, 2], values: [-3e38, -3e38])
    #expect(vector.dot(vector) == .greatestFiniteMagnitude)
    #expect(vector.dot(negated) == -.greatestFiniteMagnitude)
  }
}

extension SeededGenerator {
  /// - Parameter values: drawn from for each entry.
  mutating func sparseVector(
    dimensions: Int, count: Int, values: (inout SeededGenerator) -> Float = { $0.gaussian() }
  ) -> SparseVector {
    var indices: Set<UInt32> = []
    while indices.count < min(count, dimensions) {
      // Some dimensions are much more frequent than others, as words are.
      indices.insert(UInt32(Double(dimensions) * unit() * unit() * unit()))
    }
    // swift-format-ignore: NeverUseForceTry
    return try! SparseVector(indices: indices.sorted(), values: indices.map { _ in values(&self) })
  }
}
