import Foundation
import MoultBenchmark
import MoultFiles
import MoultModel
import MoultTesting
import Testing

@testable import MoultCommand

/// The built program against a server of its own: what a user types and sees.
@Suite("End to end", .serialized)
struct EndToEndTests {
  private static let rowCount = 600
  private static let dimension = 32

  /// A server with the collection `words` (float16, with payload) on a temporary data directory.
  private final class Fixture {
    let directory: ScratchDirectory
    let server: ServerProcess

    init(serverArguments: [String] = []) async throws {
      directory = try ScratchDirectory(name: "moult-e2e")
      server = try await ServerProcess(
        dataDirectory: directory.path + "/data", executable: CommandLineTool.path, arguments: serverArguments)
    }

    func path(_ name: String) -> String { directory.path + "/" + name }

    @discardableResult
    func moult(
      _ line: String, expecting status: CommandStatus = .success, interruptAfter: String? = nil,
      sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> CommandLineTool.Outcome {
      let outcome = try await CommandLineTool.run(
        line.split(separator: " ").map(String.init), url: server.url, interruptAfter: interruptAfter)
      #expect(
        outcome.status == status.rawValue, "moult \(line)\n\(outcome.output)\(outcome.talk)",
        sourceLocation: sourceLocation)
      return outcome
    }

    /// Vectors that float16 holds exactly, a payload line each, and the first rows as queries.
    func writeFiles(rowCount: Int = EndToEndTests.rowCount, seed: UInt64 = 1) throws {
      var random = SeededGenerator(seed: seed)
      let dimension = EndToEndTests.dimension
      let values = random.floats(count: rowCount * dimension).map { Float(Float16($0)) }
      let vectors = try VectorFileWriter(
        path: path("base.npy"), elementType: .float16, dimension: dimension, force: true)
      try vectors.append(values)
      try vectors.close()
      let queries = try VectorFileWriter(
        path: path("queries.npy"), elementType: .float32, dimension: dimension, force: true)
      try queries.append(Array(values[0..<min(20, rowCount) * dimension]))
      try queries.close()
      let payload = try JSONLinesWriter(path: path("payload.jsonl"), force: true)
      for row in 0..<rowCount { try payload.append("{\"n\":\(row),  \"text\":\"größe \(row)\"}") }
      try payload.close()
    }

    func importWords() async throws {
      try writeFiles()
      try await moult("import words --vectors \(path("base.npy")) --payload \(path("payload.jsonl"))")
    }
  }

  @Test("import, alias, switch, roll back, reindex, export bit for bit")
  func mainJob() async throws {
    let fixture = try await Fixture()
    try await fixture.importWords()
    let queries = fixture.path("queries.npy")

    let list = try await fixture.moult("collections list --json")
    let collections = try JSONDecoder().decode([CollectionInfo].self, from: Data(list.output.utf8))
    #expect(collections.map(\.count) == [Self.rowCount])
    #expect(collections.first?.schema.elementType == .float16)

    try await fixture.moult("alias create w words")
    #expect(try await fixture.moult("alias describe w").output == "words\n")
    for name in ["words", "w"] {
      #expect(try await fixture.moult("alias list \(name)").output.hasSuffix("w      words\n"))
    }

    // Every query is a stored row, so its best hit is itself.
    let hits = try await fixture.moult("search w --vectors \(queries) --limit 1 --exact").output
      .split(separator: "\n")
    #expect(hits.count == 20)
    for (row, hit) in hits.enumerated() {
      let fields = hit.split(separator: "\t")
      #expect(fields[2] == "\(row)")
      #expect(fields[4] == "{\"n\":\(row),  \"text\":\"größe \(row)\"}", "payload comes back byte for byte")
    }

    let switched = try await fixture.moult(
      "switch w --quantization int8 --queries \(queries) --min-recall 0.8 --json")
    let job = try JSONDecoder().decode(JobInfo.self, from: Data(switched.output.utf8))
    #expect(job.state == .completed)
    #expect(job.report?.querySource == .given)
    #expect(try #require(job.report).bytesPerVectorAfter < Self.dimension * 2)

    try await fixture.moult("rollback words")
    let show = try await fixture.moult("collections show words").output
    #expect(show.contains("retained  int8"))

    try await fixture.moult(
      "reindex w words2 --dimensions 16 --alias w --queries \(queries) --min-recall 0")
    #expect(try await fixture.moult("alias describe w").output == "words2\n")
    #expect(try await fixture.moult("jobs list").output.contains("reindex"))

    try await fixture.moult(
      "export words --vectors \(fixture.path("again.npy")) --payload \(fixture.path("again.jsonl"))")
    for name in ["npy", "jsonl"] {
      let original = name == "npy" ? "base.npy" : "payload.jsonl"
      #expect(
        try Data(contentsOf: URL(fileURLWithPath: fixture.path("again." + name)))
          == Data(contentsOf: URL(fileURLWithPath: fixture.path(original))), "\(name) bit for bit")
    }

    try await fixture.moult("alias alter w words")
    try await fixture.moult("collections drop words2")
    try await fixture.moult("alias drop w")
    #expect(await fixture.server.stop() == 0)

    // Without a server the data directory can be checked.
    let doctor = try await fixture.moult("doctor --data \(fixture.server.dataDirectory) --deep --json")
    #expect(doctor.output.contains("\"problems\":[]"))
  }

  @Test("bad input is refused with a sentence and a status, and changes nothing")
  func badInput() async throws {
    let fixture = try await Fixture()
    try await fixture.importWords()
    let vectors = fixture.path("base.npy")

    func refused(_ line: String, _ status: CommandStatus = .failure, saying text: String) async throws {
      let outcome = try await fixture.moult(line, expecting: status)
      #expect(outcome.talk.contains(text), "\(line): \(outcome.talk)")
      #expect(outcome.output.isEmpty, "\(line) wrote data: \(outcome.output)")
    }
    try await refused("search nowhere --vectors \(vectors)", saying: "moult collections list")
    try await refused("alias list nowhere", saying: "moult collections list")
    try await refused("collections drop nowhere", saying: "nowhere")
    try await refused("alias create words words", saying: "words")
    try await refused("switch words --quantization int8 --dimensions 99", saying: "99")
    try await refused("rollback words", saying: "next:")
    try await refused("jobs watch 12345", saying: "moult jobs list")
    try await refused("export words --vectors \(vectors)", saying: "--force")
    try await refused("import words --vectors \(vectors) --metric l2", saying: "cosine")
    try await refused("import words --vectors \(fixture.path("missing.npy"))", saying: "missing.npy")
    try await refused("switch words --quantization int5", .usage, saying: "int5")
    try await refused(
      "switch words --quantization binary --oversampling 1 --min-recall 1", .recallGateFailed,
      saying: "Nothing was swapped")

    // Two queries of 16 numbers have as many bytes as one of 32.
    let half = fixture.path("half.npy")
    try Self.write(
      Array(repeating: 0.5, count: 20 * Self.dimension / 2), elementType: .float32, to: half,
      Self.dimension / 2)
    for line in [
      "search words --vectors \(half)", "switch words --quantization int8 --min-recall 0 --queries \(half)",
      "reindex words other --quantization int8 --min-recall 0 --queries \(half)",
    ] {
      try await refused(line, saying: "'words' stores 32-dimensional vectors")
      try await refused(line, saying: "the queries of '\(half)' have 16")
    }
    try await refused("serve --data \(vectors) --port 0", saying: "--data '\(vectors)'")

    let bytes = try Data(contentsOf: URL(fileURLWithPath: vectors))
    try bytes.prefix(5000).write(to: URL(fileURLWithPath: fixture.path("cut.npy")))
    try await refused("import other --vectors \(fixture.path("cut.npy"))", saying: "truncated")
    try Data("not numpy at all".utf8).write(to: URL(fileURLWithPath: fixture.path("foreign.npy")))
    try await refused("import other --vectors \(fixture.path("foreign.npy"))", saying: ".npy")
    try Data("{}\n{}\n".utf8).write(to: URL(fileURLWithPath: fixture.path("short.jsonl")))
    try await refused(
      "import other --vectors \(vectors) --payload \(fixture.path("short.jsonl"))", saying: "2 lines")

    let info = try await fixture.moult("collections list --json").output
    let collections = try JSONDecoder().decode([CollectionInfo].self, from: Data(info.utf8))
    #expect(collections.map(\.name) == ["words"], "no refused command left something behind")
    #expect(collections.first?.generation.specification == EncodingSpecification(index: .automatic))
    await fixture.server.stop()
    try await refused("collections list", .unreachable, saying: "moult serve")
  }

  @Test("all rows of an import go to one collection, although its alias moves")
  func importIntoMovingAlias() async throws {
    let fixture = try await Fixture()
    let rowCount = 2000
    try fixture.writeFiles(rowCount: rowCount)
    try await AdminClient.with(url: fixture.server.url, token: ServerOptions.defaultToken) { client in
      for name in ["first", "second"] {
        _ = try await client.createCollection(
          CreateCollectionRequest(
            name: name, dimension: Self.dimension, metric: .cosine, keyKind: .int64, elementType: .float16))
      }
      try await client.createAlias("moving", collection: "first")
      let source = try ImportSource(
        vectorsPath: fixture.path("base.npy"), payloadPath: nil, idField: nil)
      let importer = Importer(client: client, source: source, rowsPerRequest: 10, showsProgress: false)
      async let importing = importer.run(into: "moving", metric: nil)
      while try await client.collection("first").count == 0 { try await Task.sleep(for: .milliseconds(1)) }
      try await client.alterAlias("moving", collection: "second")
      #expect(try await importing.collection == "first")
      #expect(try await client.collection("first").count == rowCount)
      #expect(try await client.collection("second").count == 0)
    }
  }

  @Test("values that float16 cannot hold are exported as float32")
  func exportType() async throws {
    let fixture = try await Fixture()
    try await fixture.importWords()
    let out = fixture.path("out.npy")
    try await fixture.moult("export words --vectors \(out) --type float32")
    let file = try VectorFile(path: out)
    #expect(file.elementType == .float32)
    let all = 0..<Self.rowCount
    #expect(try file.readRows(all) == VectorFile(path: fixture.path("base.npy")).readRows(all))

    let large = Array(repeating: Float(70_000), count: Self.dimension)
    try await AdminClient.with(url: fixture.server.url, token: ServerOptions.defaultToken) { client in
      try await client.upsert(
        PointBatch(ids: [.int64(5)], vectors: large, dimension: Self.dimension), elementType: .float32,
        to: "words")
    }
    let refused = try await fixture.moult("export words --vectors \(out) --force", expecting: .failure)
    #expect(refused.talk.contains("--type float32"))
    try await fixture.moult("export words --vectors \(out) --force --type float32")
    #expect(try VectorFile(path: out).readRows(5..<6) == large)
  }

  @Test("a wrong token is told apart from a missing server")
  func token() async throws {
    let fixture = try await Fixture(serverArguments: ["--token", "secret"])
    let wrong = try await fixture.moult("collections list", expecting: .failure)
    #expect(wrong.talk.contains("--token"))
    try await fixture.moult("collections list --token secret")
  }

  @Test("a data directory serves one process at a time")
  func inUse() async throws {
    let fixture = try await Fixture()
    let second = try await fixture.moult(
      "serve --data \(fixture.server.dataDirectory) --port 0", expecting: .failure)
    #expect(second.talk.contains("stop the other process"))
    let doctor = try await fixture.moult("doctor --data \(fixture.server.dataDirectory)")
    #expect(doctor.output.contains("was not checked"))
  }

  @Test("Ctrl-C leaves the job alone and says how to watch it again")
  func detach() async throws {
    let fixture = try await Fixture()
    try fixture.writeFiles(rowCount: 5000)
    try await fixture.moult("import words --vectors \(fixture.path("base.npy"))")
    let outcome = try await fixture.moult(
      "switch words --index hnsw --min-recall 0", expecting: .detached, interruptAfter: "job 1: switch")
    #expect(outcome.talk.contains("moult jobs watch 1"))
    try await fixture.moult("jobs watch 1")
    #expect(try await fixture.moult("collections list").output.contains("hnsw"))

    let detached = try await fixture.moult("switch words --quantization int8 --min-recall 0 --detach")
    #expect(detached.output == "2\n")
    try await fixture.moult("jobs watch 2")
  }

  @Test("a job is steered by its collection's name, and the status says by its exit how things stand")
  func steering() async throws {
    let fixture = try await Fixture()
    try await fixture.importWords()
    try await fixture.moult("alias create w words")
    #expect(try await fixture.moult("status w").output == "words gen-1 none live 600 rows\n")
    let plan = try await fixture.moult("plan w --quantization int8").output
    for text in ["bytes a vector", "codes             0 B → at most", "recall@10", "600 sample rows"] {
      #expect(plan.contains(text), "\(text)\n\(plan)")
    }
    try await fixture.moult("pause w", expecting: .failure)

    let detached = "--min-recall 0 --detach"
    try await fixture.moult("switch w --quantization int8 --swap-at manual \(detached)")
    try await fixture.moult("switch w --quantization binary --after 1 \(detached)")
    let line = try await fixture.moult("status w", expecting: .detached).output
    #expect(line.hasPrefix("words ") && line.contains("gate "), "\(line)")
    #expect(line.hasSuffix("words waits for job 1 | gate pending\n"), "\(line)")
    let refused = try await fixture.moult("pause w", expecting: .failure)
    #expect(refused.talk.contains("1 (switch, ") && refused.talk.contains("2 (switch, available)"))
    try await fixture.moult("pause 1")
    try await fixture.moult("resume 1")
    try await fixture.moult("throttle 1 --rows-per-second 5000 --max-p99 none")
    try await fixture.moult("cutover 1 --at 2200-01-01T03:00")
    #expect(try await fixture.moult("jobs show 1").output.contains("2200-01-01"))
    try await fixture.moult("cutover 1")
    // The first one completes, and the second one after it.
    #expect(try await fixture.moult("status 1 -w").output.contains("completed"))
    #expect(try await fixture.moult("status w -w").output.hasSuffix(" binary live 600 rows\n"))

    try await fixture.moult("rollback w --if-current 1", expecting: .failure)
    try await fixture.moult("switch w --quantization lloyd1 --oversampling 1 --min-recall 1 --detach")
    let failed = try await fixture.moult("status w -w", expecting: .recallGateFailed)
    #expect(failed.output.contains("gate failed") || failed.output.contains("failed: recall"), "\(failed)")
    #expect(try await fixture.moult("status 3", expecting: .recallGateFailed).output.contains("gate failed"))
    try await fixture.moult("status 99", expecting: .failure)
    try await fixture.moult("reindex w copy --quantization int8 --dry-run")
    #expect(try await fixture.moult("collections list").output.contains("copy") == false)
  }

  @Test("swaps under load: nothing fails, nothing is stale")
  func servingUnderSwaps() async throws {
    let fixture = try await Fixture()
    try fixture.writeFiles()
    let outcome = try await fixture.moult(
      "bench serve --vectors \(fixture.path("base.npy")) --quantization int8 --clients 3 --seconds 2 --swaps 40 "
        + "--switches 1 --url \(fixture.server.url) --json")
    let line = try #require(outcome.output.split(separator: "\n").last)
    #expect(line.contains("\"failed\":0"))
    #expect(line.contains("\"stale\":0"))
    #expect(line.contains("\"swaps\":41"))
    #expect(try await fixture.moult("collections list --json").output == "[]\n", "it cleans up")
  }

  @Test("the demo ends well on a part of the sample")
  func demo() async throws {
    let directory = try ScratchDirectory(name: "moult-demo-tests")
    let sample = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent(SampleData.relativePath).path
    let data = try BenchmarkData(
      vectorsPath: sample + "/base.npy", queriesPath: sample + "/queries.npy", metric: .cosine, rows: 1000)
    try Self.write(data.vectors, elementType: .float16, to: directory.path + "/base.npy", data.dimension)
    try Self.write(data.queries, elementType: .float32, to: directory.path + "/queries.npy", data.dimension)
    try Self.write(try data.truth(k: 10), to: directory.path + "/gt.npy")
    let payload = try JSONLinesWriter(path: directory.path + "/payload.jsonl.gz")
    for row in 0..<data.rowCount { try payload.append("{\"row\":\(row)}") }
    try payload.close()

    let outcome = try await CommandLineTool.run(
      ["demo", "--clients", "2", "--json", "--sample", directory.path], url: "http://127.0.0.1:1")
    #expect(outcome.status == 0, "\(outcome.talk)")
    let report = try JSONDecoder().decode(DemoReport.self, from: Data(outcome.output.utf8))
    #expect(report.isSound)
    #expect(report.steps.count == 5)
    #expect(report.steps.dropFirst().allSatisfy { ($0.searches?.requests ?? 0) > 0 })
    #expect(report.steps[3].bytesPerVectorAfter == report.steps[1].bytesPerVectorAfter, "rolled back")
  }

  private static func write(
    _ values: [Float], elementType: CollectionSchema.ElementType, to path: String, _ dimension: Int
  ) throws {
    let writer = try VectorFileWriter(path: path, elementType: elementType, dimension: dimension)
    try writer.append(values)
    try writer.close()
  }

  private static func write(_ truth: GroundTruth, to path: String) throws {
    var bytes = Data(
      NumpyHeader.encode(element: .int32, rowCount: truth.neighbours.count, columnCount: truth.k))
    for row in truth.neighbours.joined() {
      withUnsafeBytes(of: Int32(row).littleEndian) { bytes.append(contentsOf: $0) }
    }
    try bytes.write(to: URL(fileURLWithPath: path))
  }

  @Test(
    "a benchmark prints lines of JSON, each with a result to compare",
    arguments: [
      "encode --quantization binary", "scan --quantization int8 --metric ip", "exact", "graph --ef 32",
      "graph --quantization int8 --build-with binary --rescore 1,2 --m 8 --ef 16,32",
      "kept-graph --codes int8,binary",
      "switch --index hnsw --through int8 --quantization binary --gate-queries 50 --clients 1",
      "difficulty --metric l2",
      "switch --quantization int8 --dimensions 16 --transform prefix", "import",
    ])
  func bench(line: String) async throws {
    let directory = try ScratchDirectory(name: "moult-bench-tests")
    var random = SeededGenerator(seed: 3)
    try Self.write(
      random.floats(count: 400 * Self.dimension), elementType: .float32, to: directory.path + "/v.npy",
      Self.dimension)
    let isOverHTTP = line == "import"
    let arguments =
      ["bench"] + line.split(separator: " ").map(String.init) + [
        "--vectors", directory.path + "/v.npy", "--json",
      ]
      + (isOverHTTP ? [] : ["--seconds", "0.05", "--threads", "2"])
    let outcome = try await CommandLineTool.run(arguments, url: "http://127.0.0.1:1")
    #expect(outcome.status == 0, "\(outcome.talk)")
    let lines = outcome.output.split(separator: "\n")
    for line in lines {
      #expect(throws: Never.self) { try JSONSerialization.jsonObject(with: Data(line.utf8)) }
    }
    let last = try #require(lines.last)
    #expect(last.contains("\"dataset\":\"\(URL(fileURLWithPath: directory.path).lastPathComponent)/v.npy\""))
    #expect(last.contains("\"rows\":400"))
    switch line.prefix(5) {
    case "scan ", "exact", "graph", "kept-":
      #expect(last.contains("\"checksum\"") && last.contains("\"recall\":"))
    case "encod": #expect(last.contains("\"checksum\"") && last.contains("\"rows_per_s\""))
    case "switc": #expect(last.contains("\"recall\":") && last.contains("\"seconds\""))
    case "diffi": #expect(last.contains("\"local_dimension\"") && last.contains("\"relative_contrast\""))
    default: #expect(last.contains("\"rows_per_s\""))
    }
    #expect(!last.contains("\"checksum\":null"))
    if line.hasPrefix("switch") { #expect(lines[0].contains("\"checksum\":\"")) }
  }
}
