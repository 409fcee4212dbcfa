import MoultModel
import MoultTesting
import Testing

@testable import MoultCompute

/// R9: bytes of any kind where graphs, inverted lists and encoders are read.
@Suite("R9: fuzzing what compute reads")
struct FormatFuzzTests {
  private static func isExpected(_ error: any Error) -> Bool {
    guard let error = error as? MoultError else { return false }
    return [.corrupted, .unsupportedVersion].contains(error.code)
  }

  @Test("graphs: what is accepted can be searched")
  func graphs() throws {
    let data = ClusteredVectors(count: 90, seed: 31)
    let fixture = try GraphFixture(data.vectors, dimension: data.dimension)
    let outcome = FuzzOutcome.run(
      ByteFuzzer(seed: 95, corpus: [try fixture.graphBytes(m: 3)], words: ["MOULTHNW"]),
      isExpected: Self.isExpected
    ) { bytes in
      let file = try GraphFile(bytes)
      guard file.graph.rowCount == 90 else { return }
      _ = fixture.search(file.graph, Array(data.vectors[..<data.dimension]), k: 3, ef: 20)
    }
    #expect(outcome.faults == [] && outcome.inputs > 100)
    Figures.note("R9", "graphs", outcome.inputs, "faults", outcome.faults.count)
  }

  @Test("inverted lists")
  func lists() throws {
    let data = ClusteredVectors(count: 90, seed: 41)
    let fixture = try GraphFixture(data.vectors, dimension: data.dimension, quantization: .int8)
    let outcome = FuzzOutcome.run(
      ByteFuzzer(seed: 96, corpus: [try fixture.listBytes(listCount: 20)]), isExpected: Self.isExpected
    ) { bytes in
      // Kept where numbers of 64 bytes may be read in place.
      let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 64)
      defer { copy.deallocate() }
      copy.copyBytes(from: bytes)
      _ = try IVFIndex(bytes: UnsafeRawBufferPointer(copy))
    }
    #expect(outcome.faults == [] && outcome.inputs > 100)
    Figures.note("R9", "inverted lists", outcome.inputs, "faults", outcome.faults.count)
  }

  @Test("encoders of every code, behind a right checksum")
  func encoders() throws {
    var random = SeededGenerator(seed: 1)
    let vectors = random.gaussianFloats(count: 30 * 6)
    let corpus = try allSpecifications(dimension: 6).map {
      try VectorEncoder.trained($0, dimension: 6, metric: .cosine, on: vectors).serialized()
    }
    let outcome = FuzzOutcome.run(
      ByteFuzzer(seed: 97, corpus: corpus, words: ["MOULTENC"]), isExpected: Self.isExpected
    ) { bytes in
      var bytes = bytes
      if bytes.count > 8 {
        let hash = bytes.withUnsafeBytes {
          FNV1a.hash(UnsafeRawBufferPointer(rebasing: $0[..<(bytes.count - 8)]))
        }
        withUnsafeBytes(of: hash.littleEndian) {
          bytes.replaceSubrange(bytes.count - 8..<bytes.count, with: $0)
        }
      }
      _ = try bytes.withUnsafeBytes { try VectorEncoder(serialized: $0) }
    }
    #expect(outcome.faults == [] && outcome.inputs > 100)
    Figures.note("R9", "encoders", outcome.inputs, "faults", outcome.faults.count)
  }
}
