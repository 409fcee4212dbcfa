import Foundation
import MoultTesting
import Testing

@testable import MoultEmbedding

@Suite("Answers of /v1/embeddings")
struct EmbeddingsAnswerTests {
  private func parse(_ text: String, count: Int) throws -> EmbeddingsAnswer {
    try Array(text.utf8).withUnsafeBytes { try EmbeddingsAnswer.parse($0, count: count) }
  }

  private static func base64(_ vector: [Float]) -> String {
    vector.withUnsafeBytes { Data($0).base64EncodedString() }
  }

  @Test(
    "base64 and numbers mean the same vectors, bit for bit, at every length around a group of three bytes")
  func bothForms() throws {
    var random = SeededGenerator(seed: 1)
    for dimension in 1...9 {
      let vector = (0..<dimension).map { _ in
        Float(bitPattern: UInt32.random(in: 0..<0x7F00_0000, using: &random))
      }
      let numbers = vector.map { "\($0)" }.joined(separator: ", ")
      let answer = try parse(
        #"{"object":"list","data":[{"embedding":"\#(Self.base64(vector))","index":0},"#
          + #"{"index":1,"object":"embedding","embedding":[\#(numbers)]}],"model":"m","#
          + #""usage":{"prompt_tokens":3,"total_tokens":7}}"#, count: 2)
      #expect(answer.vectors == [vector, vector])
      #expect(answer.model == "m")
      #expect(answer.tokens == 7)
    }
  }

  @Test("vectors go where their index says; without one, where they stand")
  func order() throws {
    let answer = try parse(
      #"{"data":[{"index":2,"embedding":[2]},{"index":0,"embedding":[0]},{"index":1,"embedding":null}]}"#,
      count: 3)
    #expect(answer.vectors == [[0], nil, [2]])
    #expect(try parse(#"{"data":[{"embedding":[5]},{"embedding":[6]}]}"#, count: 2).vectors == [[5], [6]])
  }

  @Test(
    "what is not an answer to the request is refused with what was found",
    arguments: [
      ("<!DOCTYPE html><html>", "not the JSON of embeddings"), ("", "not the JSON"), ("[]", "not the JSON"),
      (#"{"data":[{"index":0,"embedding":[1]}]}"#, "1 vectors for 2 texts"),
      (#"{"data":[{"embedding":[1]},{"embedding":[1]},{"embedding":[1]}]}"#, "more vectors than the 2"),
      (#"{"data":[{"index":0,"embedding":[1]},{"index":0,"embedding":[1]}]}"#, "has one already"),
      (#"{"data":[{"index":0,"embedding":[1]},{"index":7,"embedding":[1]}]}"#, "was not sent"),
      (#"{"data":[{"index":0,"embedding":[1]},{"index":1}]}"#, "without \"embedding\""),
      (#"{"data":[{"embedding":"A"},{"embedding":"AAAAAA=="}]}"#, "not base64 of float32"),
      (#"{"data":[{"embedding":"AAA*AA=="},{"embedding":"AAAAAA=="}]}"#, "not base64 of float32"),
      (#"{"data":[{"embedding":[1"#, "not the JSON"), (#"{"error":{"message":"no"}}"#, "without \"data\""),
    ])
  func refused(text: String, expected: String) throws {
    let fault = #expect(throws: EmbeddingsAnswer.Fault.self) { _ = try parse(text, count: 2) }
    #expect(fault?.reason.contains(expected) == true, "\(fault?.reason ?? "none")")
  }

  @Test("numbers that are none are read as such, for their text to be refused")
  func noNumber() throws {
    let vector = try #require(try parse(#"{"data":[{"embedding":[1, NaN, Infinity]}]}"#, count: 1).vectors[0])
    #expect(vector[0] == 1 && vector[1].isNaN && vector[2] == .infinity)
  }

  @Test("bytes of any kind are read without a crash, and past no end")
  func anyBytes() {
    var random = SeededGenerator(seed: 2)
    let sound = Array(
      #"{"data":[{"index":0,"embedding":[1.5e3,-2]},{"index":1,"embedding":"AAAAAA=="}]}"#.utf8)
    for round in 0..<4_000 {
      var bytes = sound
      for _ in 0...round % 4 {
        bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
      bytes.removeLast(Int.random(in: 0...bytes.count, using: &random))
      // In a block of its own size, so that a tool that watches memory sees a step too far.
      let exact = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
      defer { exact.deallocate() }
      exact.copyBytes(from: bytes)
      _ = try? EmbeddingsAnswer.parse(UnsafeRawBufferPointer(exact), count: 2)
    }
  }
}
