import MoultModel
import MoultTesting
import NIOCore
import Testing

@testable import MoultServer

/// R9: bytes of any kind as bodies of requests.
@Suite("R9: fuzzing bodies of requests")
struct RequestFuzzTests {
  private static func isExpected(_ error: any Error) -> Bool { error is JSONError || error is MoultError }

  @Test("JSON: what is accepted is written and read back as the same")
  func json() throws {
    let corpus = [
      #"{"points":[{"id":1,"vector":[0.5,-1e3],"payload":{"word":"ä\u00e4","n":[1,null,true]}}]}"#,
      #"{"data":[[1,2.25],[3,4]],"limit":10,"filter":"id in [1,2]","nested":{"a":{"b":[]}}}"#,
    ].map { Array($0.utf8) }
    let outcome = FuzzOutcome.run(
      ByteFuzzer(seed: 98, corpus: corpus, words: ["[[[[[[[[", "{\"a\":", "1e999", "\\ud800", "-", "null"]),
      isExpected: Self.isExpected
    ) { bytes in
      _ = try JSONReader.parse(bytes, floatKeys: ["vector", "data"])
    }
    #expect(outcome.faults == [] && outcome.inputs > 100)
    Figures.note("R9", "JSON bodies", outcome.inputs, "faults", outcome.faults.count)
  }

  @Test("frames of points")
  func frames() throws {
    let frame = PointFrame(
      PointBatch(
        ids: [.string("a"), .string("bb"), .string("ccc")], vectors: [1, 2, 3, 4, 5, 6], dimension: 2,
        payloads: ["{}", "", #"{"x":1}"#]))
    let corpus = [Array(frame.encode().readableBytesView)]
    let outcome = FuzzOutcome.run(
      ByteFuzzer(seed: 99, corpus: corpus, words: ["MPF1"]), isExpected: Self.isExpected
    ) { bytes in _ = try PointFrame(decoding: ByteBuffer(bytes: bytes)) }
    #expect(outcome.faults == [] && outcome.inputs > 100)
    Figures.note("R9", "frames of points", outcome.inputs, "faults", outcome.faults.count)
  }
}
