import ArgumentParser
import MoultModel
import Testing

@testable import MoultCommand

@Suite("Command line")
struct CommandLineTests {
  @Test(
    "a job is named by its number, a collection, an alias or a vector field",
    arguments: [
      ("7", JobReference.id(7)), ("words", .collection("words")), ("words:bge", .collection("words:bge")),
      ("a b", nil), ("a b:c", nil),
    ] as [(String, JobReference?)])
  func jobReference(text: String, reference: JobReference?) {
    #expect(JobReference(argument: text) == reference)
  }

  @Test(
    "every command of the README is understood",
    arguments: [
      "serve --data ./d", "serve --data ./d --host 0.0.0.0 --port 0 --no-auth --allow-open",
      "serve --data ./d --tls-certificate c --tls-key k", "collections --ca-certificate c",
      "serve --data ./d --max-connections 10 --max-queued-searches 0 --request-timeout 1.5 --client-timeout 3",
      "serve --data ./d --token-file t --read-only-token r", "serve --data ./d --read-only-token-file r",
      "search words --vectors q.npy --token-file t",
      "serve --data ./d --token secret --threads 2 --log-level debug",
      "import words --vectors base.npy --payload p.jsonl.gz --metric l2 --batch 100 --id-field id",
      "export words --vectors base.npy --payload p.jsonl --force",
      "export words --vectors base.npy --type float32",
      "collections", "collections list --json", "collections show words", "collections drop words",
      "alias create a words", "alias list", "alias list words", "alias describe a", "alias alter a words",
      "backup --to f.tar", "backup words other --to f.tar --force --json", "restore --from f.tar",
      "restore --from f.tar --only words --as copy --if-exists replace --json",
      "verify --backup f.tar --json",
      "alias drop a", "alias swap a b",
      "alias batch create:a=x,if-absent alter:b=y,if-current=x set:c=x drop:d,if-exists,if-current=y swap:a=b",
      "alias batch rename:a=b,if-current=x",
      "switch words --quantization int8 --min-recall 0.95 --queries q.npy --detach",
      "switch words --dimensions 128 --transform prefix", "switch words --index hnsw --oversampling 3",
      "switch words --quantization int8 --rows-per-second 5000 --max-p99 +25% --memory 64MiB --dry-run",
      "serve --data ./d --max-p99 50% --memory 1GiB", "reindex words other --rows-per-second 1e5",
      "switch words --index auto", "switch words --index ivf --lists 100 --quantization binary",
      "search words --vectors q.npy --probes 20", "bench ivf --vectors v.npy",
      "bench ivf --vectors v.npy --index ivf --lists 9 --probes 1,4 --rescore 1,2",
      "bench exact --vectors v.npy --device cuda", "bench encode --vectors v.npy --device cpu",
      "rollback words", "reindex words other --quantization binary --dimensions 256 --alias a",
      "jobs list --state running --limit 5", "jobs show 7", "jobs watch 7", "jobs cancel 7", "jobs retry 7",
      "job release 7", "jobs hold 7 --until 03:00", "jobs hold 7 --until manual",
      "history", "history words --limit 5 --json", "alias alter a b --if-current c",
      "alias drop a --if-current c",
      "reindex a b --alias c --if-current a",
      "switch words --quantization int8 --swap-at 2026-12-01T03:00", "reindex a b --swap-at manual --detach",
      "serve --data ./d --keep-generations-for 24h --keep-generations-bytes 10G",
      "plan words --quantization int8 --queries q.npy", "reindex a b --quantization int8 --dry-run",
      "status words", "status 7 -w --json", "pause words", "resume 7", "cancel words", "cutover words",
      "cutover 7 --at 03:00", "cutover 7 --at now", "cutover words --hold",
      "throttle words --rows-per-second 5000 --max-p99 +25% --memory 64MiB",
      "throttle 7 --rows-per-second none",
      "rollback words --if-current 7", "switch words --quantization int8 --after 7 --after 8",
      "job pause 7", "jobs resume 7", "jobs pause words", "jobs priority 7 -- -5",
      "switch words --quantization int8 --priority 3",
      "search words --vectors q.npy --limit 5 --exact --truth gt.npy",
      "plan words --embedder bge --text {lemmas}:{gloss} --missing skip", "plan words --quantization int8",
      "reembed words --into w2 --embedder bge --text {gloss} --queries q.jsonl --max-labelled-loss 0.02 --no-bridge",
      "reembed words --field bge --embedder bge --text {gloss}", "rollback words --force",
      "search words --text cat --model bge", "serve --data d --embedding-cache 512MiB",
      "bench encode --vectors v.npy --quantization int8 --batch 64 --threads 2 --rows 100 --json",
      "bench scan --vectors v.npy --queries q.npy --truth t.npy --metric ip --quantization binary",
      "bench exact --vectors v.npy", "bench exact --vectors v.npy --quantization none --batch 8",
      "bench graph --vectors v.npy --ef 64",
      "bench graph --vectors v.npy --ef 16,64 --rescore 1,2.5 --build-with segmented:0.5 --m 8 --write-graph g",
      "bench kept-graph --vectors v.npy",
      "bench kept-graph --vectors v.npy --codes none,segmented:2,binary --ef 64",
      "bench switch --vectors v.npy --index hnsw --through int8,binary --quantization segmented --clients 2",
      "bench generate --vectors v.npy --count 1000 --to w.npy --seed 3 --noise isotropic",
      "bench difficulty --vectors v.npy --k 100", "bench exact --vectors v.npy --k 100 --write-truth t.npy",
      "bench switch --vectors v.npy --quantization int8", "bench import --vectors v.npy",
      "bench serve --vectors v.npy --clients 8 --seconds 5 --swaps 200 --switches 2 --url http://localhost:1",
      "doctor --data ./d --deep --json", "demo --clients 2 --json",
      "compare a b", "compare a b:c --queries q.jsonl --min-overlap 0.8 --max-loss 0.02",
    ])
  func understood(line: String) throws {
    _ = try Moult.parseAsRoot(line.split(separator: " ").map(String.init))
  }

  @Test(
    "what makes no sense is refused before anything is done",
    arguments: [
      "serve", "serve --data d --port 70000", "serve --data d --no-auth --token t",
      "serve --data d --max-connections 0", "serve --data d --tls-key k",
      "serve --data d --request-timeout 0",
      "serve --data d --client-timeout -1", "serve --data d --max-queued-searches=-1",
      "serve --data d --no-auth --read-only-token t", "serve --data d --token t --token-file f",
      "serve --data d --read-only-token r --read-only-token-file f", "serve --data d --read-only-token=",
      "search words --vectors q.npy --token t --token-file f", "serve --data d --token=",
      "serve --data d --log-level loud", "import words", "import words --vectors v.npy --metric manhattan",
      "import words --vectors v.npy --batch 0", "import words --vectors v.npy --id-field id",
      "switch words", "switch words --index tree", "switch words --lists 5",
      "switch words --index ivf --lists 0",
      "switch words --index hnsw --lists 9", "bench ivf --vectors v.npy --probes 0",
      "switch words --quantization int3", "switch words --dimensions 0",
      "switch words --transform pca", "switch words --dimensions 9 --transform none",
      "switch words --quantization int8 --oversampling 0.5",
      "switch words --quantization int8 --oversampling nan",
      "switch words --quantization int8 --min-recall 1.5", "search words --vectors v.npy --limit 0",
      "switch words --quantization int8 --swap-at noon", "jobs hold 7", "jobs hold 7 --until 25:00",
      "reindex a b --if-current a", "plan words", "status",
      "reembed a --embedder e --text {a}", "reembed a --into b --field f --embedder e --text {a}",
      "reembed a --field f --alias l --embedder e --text {a}", "plan words --text {a}",
      "plan words --embedder e --text {a} --quantization int8", "plan words --embedder e --text a",
      "reembed a --into b --embedder e --text {a} --max-labelled-loss 0.1",
      "compare a b --min-overlap 1.1", "compare a b --max-loss -0.1",
      "search words --vectors v.npy --model m",
      "serve --data d --embedding-cache many",
      "throttle words", "throttle words --memory 0",
      "serve --data d --keep-generations-for 24", "serve --data d --keep-generations-bytes many",
      "throttle words --rows-per-second fast", "cutover words --hold --at now", "cutover words --at manual",
      "pause 7x", "rollback words --if-current int8", "switch words --quantization int8 --after words",
      "history --limit 0",
      "jobs hold 7 --until 2026-02-30T03:00", "jobs show 7x", "jobs pause", "jobs priority 7",
      "jobs priority 7 101",
      "switch words --quantization int8 --priority 101", "jobs list --limit 0", "jobs list --limit 10001",
      "export words --vectors v.npy --type int8", "export words --vectors v.fvecs --type float16",
      "serve --data=", "bench scan --vectors v.npy --k 0", "bench serve --vectors v.npy --clients 0",
      "bench exact --vectors v.npy --quantization int8",
      "bench exact --vectors v.npy --quantization segmented --bits 4",
      "bench graph --vectors v.npy --ef 0", "bench graph --vectors v.npy --ef 16,",
      "bench graph --vectors v.npy --m 1",
      "bench graph --vectors v.npy --build-with int9", "bench graph --vectors v.npy --rescore 0.5",
      "bench graph --vectors v.npy --read-graph g --build-with int8",
      "bench graph --vectors v.npy --rescore 2 --oversampling 2",
      "bench kept-graph --vectors v.npy --codes int8,int8:4", "bench switch --vectors v.npy --gate-queries 0",
      "bench generate --vectors v.npy --count 0 --to w.npy",
      "bench generate --vectors v.npy --count 1 --to w.npy --noise-scale nan",
      "demo --clients 0", "nonsense", "verify", "verify --data d --backup f", "verify --backup f --deep",
      "backup words", "restore", "restore --from f --if-exists ask", "alias batch", "alias batch a=b",
      "alias batch move:a=b", "alias batch create:a", "alias batch drop:a=b", "alias batch drop:a,if-absent",
      "alias batch set:a=b,if-current=c", "alias batch alter:a=b,if-current=c,if-current=d",
    ])
  func refused(line: String) {
    let error = #expect(throws: (any Error).self) {
      _ = try Moult.parseAsRoot(line.split(separator: " ").map(String.init))
    }
    if let error { #expect(Moult.exitCode(for: error) == .validationFailure) }
  }

  @Test("dimensions without a transform are reduced by PCA")
  func defaultTransform() throws {
    let command = try #require(
      Moult.parseAsRoot(["switch", "words", "--dimensions", "64"]) as? SwitchCommand)
    #expect(command.options.encoding.specification == EncodingSpecification(dimensions: 64, transform: .pca))
    #expect(command.options.encoding.specification.summary == "float32 64 pca rescore ×4.0")
  }

  @Test("exit statuses keep their numbers")
  func statuses() {
    #expect(CommandStatus.allCases.map(\.rawValue) == [0, 1, 2, 3, 4, 5, 6])
    for status in CommandStatus.allCases {
      #expect(Moult.configuration.discussion.contains("\(status.rawValue)  \(status.meaning)"))
    }
  }

  @Test("how a job ended decides the status")
  func jobStatus() throws {
    func job(_ state: JobInfo.State, code: MoultError.Code? = nil) -> JobInfo {
      JobInfo(
        id: 7, kind: "switch", subject: "words", state: state, attempt: 1, attemptsMax: 5,
        progress: .init(phase: "verify", rowsDone: 0, rowsTotal: 0), createdAt: 0, startedAt: nil,
        finishedAt: nil, runAt: 0, cancelRequested: false, error: "because", errorCode: code?.rawValue,
        report: nil, generation: nil)
    }
    func status(_ job: JobInfo) -> CommandStatus? {
      do {
        try JobWatcher.requireCompleted(job)
        return nil
      } catch {
        return (error as? CommandFailure)?.status
      }
    }
    #expect(status(job(.completed)) == nil)
    #expect(status(job(.failed)) == .jobFailed)
    #expect(status(job(.failed, code: .recallGateFailed)) == .recallGateFailed)
    #expect(status(job(.cancelled)) == .jobFailed)
    #expect(status(job(.running)) == .detached)
    #expect(JobWatcher.detached(7).text.contains("moult jobs watch 7"))
  }

  @Test("what a throttle changes, keeps and lifts")
  func throttle() throws {
    let words = ["throttle", "words", "--rows-per-second", "none", "--max-p99", "+25%"]
    let command = try #require(Moult.parseAsRoot(words) as? ThrottleCommand)
    #expect(command.change == JobLimitsChange(rowsPerSecond: .some(nil), maximumP99Rise: 0.25))
    let limits = JobLimits(rowsPerSecond: 10, maximumP99Rise: 1, memoryBytes: 7)
    #expect(command.change.applied(to: limits) == JobLimits(maximumP99Rise: 0.25, memoryBytes: 7))
  }

  private static func status(
    _ state: JobInfo.State = .running, phase: String = "encode", id: Int64 = 7, kind: String = "switch",
    after: [Int64]? = nil, roomNeeded: Int64? = nil
  ) -> JobStatus {
    JobStatus(
      job: JobInfo(
        id: id, kind: kind, subject: "products", state: state, attempt: 1, attemptsMax: 5,
        progress: .init(
          phase: phase, rowsDone: 620_000, rowsTotal: 1_000_000, rowsPerSecond: 480_000, etaSeconds: 0.79),
        createdAt: 0, startedAt: nil, finishedAt: nil, runAt: 0, cancelRequested: false, error: nil,
        errorCode: nil, report: nil, generation: nil, heldUntil: JobInfo.untilReleased, after: after,
        roomNeeded: roomNeeded))
  }

  @Test("a job's line has every figure that there is, and no other")
  func statusLine() {
    var status = Self.status()
    #expect(StatusLine.text(status) == "products encode 62% 620k/1.0M 480k rows/s eta 1s")
    status.building = 8
    status.lagOperations = 132
    status.gate = .pending
    status.memoryBytes = 100_000_000
    status.limits.memoryBytes = 1_000_000_000
    status.p99Change = 0.03
    #expect(
      StatusLine.text(status)
        == "products gen-8 encode 62% 620k/1.0M 480k rows/s eta 1s | lag 132 ops | gate pending | ram +0.1/1.0 GB | p99 +3%"
    )
    #expect(StatusLine.text(Self.status(.held)) == "products held until it is released")
    #expect(
      StatusLine.text(Self.status(.paused)) == "products paused in encode 62% 620k/1.0M 480k rows/s eta 1s")
    #expect(StatusLine.text(Self.status(.available, after: [3, 5])) == "products waits for jobs 3, 5")
    var lacking = Self.status(.available, roomNeeded: 120_000_000)
    lacking.diskFree = 3_000_000
    #expect(StatusLine.text(lacking) == "products waits for room: needs 120.0 MB, 3.0 MB free")
    let collection = CollectionStatus(
      collection: "products", generation: 7, specification: EncodingSpecification(quantization: .int8),
      rows: 999_960, jobs: [])
    #expect(StatusLine.text(collection) == "products gen-7 int8 live 1.0M rows")
  }

  @Test("a collection stands for its one job; upkeep only where there is no other")
  func jobOfCollection() throws {
    func job(of jobs: [JobStatus]) throws -> Int64 {
      try JobReference.job(
        of: CollectionStatus(
          collection: "products", generation: 1, specification: EncodingSpecification(), rows: 1, jobs: jobs)
      ).job.id
    }
    #expect(try job(of: [Self.status(), Self.status(id: 9, kind: "merge")]) == 7)
    #expect(try job(of: [Self.status(id: 9, kind: "merge")]) == 9)
    #expect { try job(of: []) } throws: { ($0 as? CommandFailure)?.message.contains("no job") == true }
    #expect { try job(of: [Self.status(), Self.status(.available, id: 8)]) } throws: {
      ($0 as? CommandFailure)?.message.contains("7 (switch, running), 8 (switch, available)") == true
    }
  }

  @Test("a server's refusal comes with advice; every line ends up on stderr")
  func advice() {
    let failure = CommandFailure(fromServer: MoultError(.collectionNotFound, "there is no 'x'"))
    #expect(failure.text == "moult: there is no 'x'\n  next: `moult collections list` shows what is there")
    #expect(CommandFailure(fromServer: MoultError(.recallGateFailed, "low")).status == .recallGateFailed)
  }

  @Test(
    "addresses are checked",
    arguments: ["", "localhost:19530", "ftp://localhost", "http://", "/var/run/moult"])
  func badURL(url: String) async {
    let failure = #expect(throws: CommandFailure.self) { _ = try AdminClient(url: url, token: nil) }
    #expect(failure?.status == .usage)
  }

  @Test("queries go out with the dimension that they have")
  func dimensionOfQueries() throws {
    let parameters = SearchOptions(limit: 3).query(dimension: 16)
    #expect(parameters.contains { $0 == ("dimension", "16") })
    let gate = WireGate(RecallGateRequest(queries: [1, 2, 3, 4], dimension: 2))
    #expect(gate.queries?.dimension == 2)
    #expect(gate.queries?.base64 == "AACAPwAAAEAAAEBAAACAQA==")
    #expect(WireGate(RecallGateRequest()).queries == nil)
  }

  @Test("a data directory that cannot be opened is blamed on --data, not on a server's log")
  func openingFailed() {
    let folder = CommandFailure(opening: "/d", MoultError(.internalError, "cannot make the directory /d"))
    #expect(folder.next?.contains("--data '/d'") == true)
    let damaged = CommandFailure(opening: "/d", MoultError(.corrupted, "bad"))
    #expect(damaged.next?.contains("moult repair") == true)
    struct Foreign: Error {}
    #expect(CommandFailure(opening: "/d", Foreign()).next?.contains("--data '/d'") == true)
  }

  @Test("names are escaped in paths")
  func escaped() {
    #expect(AdminClient.path("a b/ü?") == "/moult/v1/collections/a%20b%2F%C3%BC%3F")
  }

  @Test("limits of jobs are read with their units, and nothing else is")
  func limits() throws {
    func limits(_ words: String...) throws -> JobLimits { try LimitOptions.parse(words).limits }
    #expect(try limits() == JobLimits())
    #expect(
      try limits("--max-p99", "+25%", "--memory", "64MiB", "--rows-per-second", "5000")
        == JobLimits(rowsPerSecond: 5_000, maximumP99Rise: 0.25, memoryBytes: 64 << 20))
    #expect(try limits("--max-p99", "50%").maximumP99Rise == 0.5)
    for (text, bytes) in [("1024", 1_024), ("1KiB", 1_024), ("1.5GiB", 3 << 29)] {
      #expect(try limits("--memory", text).memoryBytes == bytes)
    }
    for wrong in [
      ["--max-p99", "25"], ["--max-p99", "+%"], ["--max-p99", "1%"], ["--memory", "64 MB"],
      ["--memory", "-1"],
      ["--memory", "1e300"], ["--memory", "nan"], ["--memory", "0"], ["--rows-per-second", "0"],
    ] {
      #expect(throws: (any Error).self) { try LimitOptions.parse(wrong) }
    }
  }
}
