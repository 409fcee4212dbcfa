import MoultModel
import MoultTesting
import Testing

@testable import MoultFiles

/// R9: files of any kind where vectors are imported from.
@Suite("R9: fuzzing exchange files")
struct VectorFileFuzzTests {
  private static func isExpected(_ error: any Error) -> Bool { error is MoultError }

  private static func run(_ name: String, seed: UInt64, corpus: [[UInt8]], words: [String]) throws
    -> FuzzOutcome
  {
    let scratch = try ScratchDirectory()
    return FuzzOutcome.run(
      ByteFuzzer(seed: seed, corpus: corpus, words: words), isExpected: isExpected
    ) { bytes in
      let file = try VectorFile(path: try scratch.file(name, bytes))
      // What is announced must be there.
      guard file.rowCount > 0 else { return }
      _ = try file.readRows(0..<min(2, file.rowCount))
      _ = try file.readRows(file.rowCount - 1..<file.rowCount)
    }
  }

  @Test(".npy")
  func numpy() throws {
    let outcome = try Self.run(
      "x.npy", seed: 100, corpus: [Golden.float32.bytes],
      words: ["'shape': (", "'descr': '<f2'", "99999999999999999999", "True", "\n"])
    #expect(outcome.faults == [] && outcome.inputs > 50)
    Figures.note("R9", ".npy files", outcome.inputs, "faults", outcome.faults.count)
  }

  @Test(".fvecs")
  func fvecs() throws {
    let row: [UInt8] = [3, 0, 0, 0] + [UInt8](repeating: 1, count: 12)
    let outcome = try Self.run("x.fvecs", seed: 101, corpus: [row + row + row], words: [])
    #expect(outcome.faults == [] && outcome.inputs > 50)
    Figures.note("R9", ".fvecs files", outcome.inputs, "faults", outcome.faults.count)
  }
}
