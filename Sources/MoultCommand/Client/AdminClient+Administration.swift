internal import MoultModel
internal import NIOHTTP1

extension AdminClient {
  static let root = "/moult/v1"

  static func path(_ collection: String) -> String { "\(root)/collections/\(escaped(collection))" }

  private struct Nothing: Encodable {}

  // MARK: Collections

  func collections() async throws -> [CollectionInfo] {
    struct List: Decodable { var collections: [CollectionInfo] }
    let list: List = try await get(Self.root + "/collections")
    return list.collections
  }

  func collection(_ name: String) async throws -> CollectionInfo { try await get(Self.path(name)) }

  /// `nil` when there is no such collection.
  func collectionIfPresent(_ name: String) async throws -> CollectionInfo? {
    let all = try await collections()
    return all.first { $0.name == name || $0.aliases.contains(name) }
  }

  func createCollection(_ request: CreateCollectionRequest) async throws -> CollectionInfo {
    try await post(Self.root + "/collections", request)
  }

  func addField(_ field: NewField, to name: String) async throws -> CollectionInfo {
    try await post(Self.path(name) + "/fields", field)
  }

  struct NewField: Encodable {
    var name: String
    var dimension: Int
    var metric: Metric
  }

  func dropField(_ field: String, from name: String, force: Bool = false) async throws {
    _ = try await send(
      .DELETE, Self.path(name) + "/fields/" + Self.escaped(field), query: force ? [("force", "true")] : [])
  }

  func setDefaultField(_ field: String, of name: String, allowPartial: Bool) async throws -> CollectionInfo {
    struct Body: Encodable {
      var field: String
      var allowPartial: Bool
    }
    return try decode(
      try await send(
        .PUT, Self.path(name) + "/default", json: Body(field: field, allowPartial: allowPartial)))
  }

  func dropCollection(_ name: String, force: Bool = false) async throws {
    _ = try await send(.DELETE, Self.path(name), query: force ? [("force", "true")] : [])
  }

  // MARK: Generations

  func generations(of name: String) async throws -> [GenerationInfo] {
    struct List: Decodable { var generations: [GenerationInfo] }
    let list: List = try await get(Self.path(name) + "/generations")
    return list.generations
  }

  func startSwitch(_ name: String, _ request: SwitchRequest) async throws -> JobInfo {
    try await post(Self.path(name) + "/switch", SwitchBody(request))
  }

  func planSwitch(_ name: String, _ request: SwitchRequest) async throws -> SwitchPlan {
    try await post(Self.path(name) + "/switch/plan", SwitchBody(request))
  }

  private struct SwitchBody: Encodable {
    var specification: EncodingSpecification
    var gate: WireGate
    var limits: JobLimits
    var priority: Int
    var swapAt: Int64?
    var after: [Int64]

    init(_ request: SwitchRequest) {
      specification = request.specification
      gate = WireGate(request.gate)
      limits = request.limits
      priority = request.priority
      swapAt = request.swapAt
      after = request.after
    }
  }

  /// - Parameter ifCurrent: only if that generation is live now.
  /// - Parameter force: also where the collection before lacks what was written since.
  func rollback(_ name: String, ifCurrent: Int64? = nil, force: Bool = false) async throws -> GenerationInfo {
    struct Body: Encodable {
      var ifCurrent: Int64?
      var force: Bool?
    }
    return try await post(
      Self.path(name) + "/rollback", Body(ifCurrent: ifCurrent, force: force ? true : nil))
  }

  func startReindex(_ request: ReindexRequest) async throws -> JobInfo {
    try await post(Self.root + "/reindex", ReindexBody(request))
  }

  func planReindex(_ request: ReindexRequest) async throws -> SwitchPlan {
    try await post(Self.root + "/reindex/plan", ReindexBody(request))
  }

  private struct ReindexBody: Encodable {
    var source: String
    var target: String
    var specification: EncodingSpecification
    var alias: String?
    var ifCurrent: String?
    var gate: WireGate
    var limits: JobLimits
    var priority: Int
    var swapAt: Int64?
    var after: [Int64]

    init(_ request: ReindexRequest) {
      source = request.source
      target = request.target
      specification = request.specification
      alias = request.alias
      ifCurrent = request.ifCurrent
      gate = WireGate(request.gate)
      limits = request.limits
      priority = request.priority
      swapAt = request.swapAt
      after = request.after
    }
  }

  // MARK: Jobs

  func jobs(state: JobInfo.State?, subject: String?, limit: Int) async throws -> [JobInfo] {
    struct List: Decodable { var jobs: [JobInfo] }
    var query = [("limit", String(limit))]
    if let state { query.append(("state", state.rawValue)) }
    if let subject { query.append(("subject", subject)) }
    let list: List = try await get(Self.root + "/jobs", query: query)
    return list.jobs
  }

  func job(_ id: Int64) async throws -> JobInfo { try await get("\(Self.root)/jobs/\(id)") }

  /// Returns when the job has changed, at the latest after `seconds` (1 … 30).
  func jobWhenChanged(_ id: Int64, seconds: Int) async throws -> JobInfo {
    try await get(
      "\(Self.root)/jobs/\(id)", query: [("wait", String(seconds))], timeout: .seconds(seconds + 30))
  }

  func jobStatus(_ id: Int64) async throws -> JobStatus { try await get("\(Self.root)/jobs/\(id)/status") }

  func collectionStatus(_ name: String) async throws -> CollectionStatus {
    try await get(Self.path(name) + "/status")
  }

  /// What is asked of a job with nothing more to say.
  enum JobVerb: String {
    case cancel, retry, pause, resume, release
  }

  func ask(_ verb: JobVerb, of id: Int64) async throws -> JobInfo {
    try await post("\(Self.root)/jobs/\(id)/\(verb.rawValue)", Nothing())
  }

  func holdJob(_ id: Int64, until: Int64) async throws -> JobInfo {
    try await post("\(Self.root)/jobs/\(id)/hold", ["until": until])
  }

  func setJobPriority(_ priority: Int, of id: Int64) async throws -> JobInfo {
    try await post("\(Self.root)/jobs/\(id)/priority", ["priority": priority])
  }

  func throttleJob(_ id: Int64, _ change: JobLimitsChange) async throws -> JobInfo {
    struct Body: Encodable {
      var change: JobLimitsChange
      enum Key: String, CodingKey { case rowsPerSecond, maximumP99Rise, memoryBytes }

      func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try put(change.rowsPerSecond, .rowsPerSecond, &container)
        try put(change.maximumP99Rise, .maximumP99Rise, &container)
        try put(change.memoryBytes, .memoryBytes, &container)
      }

      private func put<Value: Encodable>(
        _ value: Value??, _ key: Key, _ container: inout KeyedEncodingContainer<Key>
      ) throws {
        guard let value else { return }
        if let value {
          try container.encode(value, forKey: key)
        } else {
          try container.encode("none", forKey: key)
        }
      }
    }
    return try await post("\(Self.root)/jobs/\(id)/throttle", Body(change: change))
  }

  // MARK: Aliases

  /// - Parameter collection: only those of this collection, which may be named by an alias.
  func aliases(of collection: String? = nil) async throws -> [AliasEntry] {
    struct List: Decodable { var aliases: [AliasEntry] }
    let list: List = try await get(
      Self.root + "/aliases", query: collection.map { [("collection", $0)] } ?? [])
    return list.aliases
  }

  func alias(_ alias: String) async throws -> AliasEntry {
    try await get("\(Self.root)/aliases/\(Self.escaped(alias))")
  }

  func createAlias(_ alias: String, collection: String) async throws {
    _ = try await send(
      .POST, Self.root + "/aliases", json: AliasEntry(alias: alias, collection: collection))
  }

  /// - Parameter ifCurrent: only if it points to that collection now.
  func alterAlias(_ alias: String, collection: String, ifCurrent: String? = nil) async throws {
    struct Body: Encodable {
      var collection: String
      var ifCurrent: String?
    }
    _ = try await send(
      .PUT, "\(Self.root)/aliases/\(Self.escaped(alias))",
      json: Body(collection: collection, ifCurrent: ifCurrent))
  }

  func dropAlias(_ alias: String, ifCurrent: String? = nil) async throws {
    _ = try await send(
      .DELETE, "\(Self.root)/aliases/\(Self.escaped(alias))",
      query: ifCurrent.map { [("ifCurrent", $0)] } ?? [])
  }

  /// All of it in one commit, or nothing.
  func changeAliases(_ actions: [AliasAction]) async throws -> [AliasChange] {
    struct Answer: Decodable { var changes: [AliasChange] }
    let answer: Answer = try decode(
      try await send(.PATCH, Self.root + "/aliases", json: ["actions": actions.map(WireAliasAction.init)]))
    return answer.changes
  }

  // MARK: History

  func history(of name: String?, limit: Int) async throws -> [HistoryEntry] {
    struct List: Decodable { var history: [HistoryEntry] }
    let list: List = try await get(
      Self.root + "/history", query: [("limit", String(limit))] + (name.map { [("name", $0)] } ?? []))
    return list.history
  }
}
