import Foundation
import MoultModel
import Testing

@testable import MoultCommand

@Suite("Files of labelled queries")
struct LabelledQueryFileTests {
  private let directory: ScratchDirectory

  init() throws { directory = try ScratchDirectory(name: "moult-label-tests") }

  private func read(_ lines: [String]) throws -> [LabelledQuery] {
    let path = directory.path + "/q.jsonl"
    try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: URL(fileURLWithPath: path))
    return try LabelledQueryFile.read(path)
  }

  @Test("the ways to say which points are right")
  func forms() throws {
    let queries = try read([
      #"{"text":"a","relevant":[1,"b"]}"#, #"{"text":"b","id":"x"}"#,
      #"{"qid":0,"text":"c","row":17,"synset":"02124272-n"}"#,
    ])
    #expect(
      queries == [
        LabelledQuery(text: "a", relevant: [.int64(1), .string("b")]),
        LabelledQuery(text: "b", relevant: [.string("x")]), LabelledQuery(text: "c", relevant: [.int64(17)]),
      ])
  }

  @Test(
    "a line that is none is named",
    arguments: [
      #"{"text":"a"}"#, #"{"relevant":[1]}"#, #"{"text":"a","relevant":[]}"#,
      #"{"text":"a","relevant":[1.5]}"#,
      #"{"text":5,"relevant":[1]}"#, #"{"text":"a","relevant":[[1]]}"#,
    ])
  func refused(line: String) throws {
    let error = #expect(throws: MoultError.self) { _ = try read([#"{"text":"a","id":1}"#, line]) }
    #expect(error?.message.contains("line 2") == true, "\(error?.message ?? "")")
  }
}
