internal import Foundation
internal import MoultEngine
internal import MoultModel
internal import MoultServer

/// The engine as one database sees it: names are those of the request's database on the way in and out, and nothing
/// of another database is there. All of Milvus' requests reach the engine through this, and names are translated
/// nowhere else.
struct DatabaseEngine: Sendable {
  /// For what concerns databases themselves, and numbers.
  let whole: Engine

  private func own(_ name: String) -> String { Name.qualified(name, in: RequestDatabase.name) }

  /// `nil` for what belongs to another database.
  private func shown(_ name: String) -> String? {
    let (database, name) = Name.parts(of: name)
    return database == RequestDatabase.name ? name : nil
  }

  private func shown(_ info: CollectionInfo) -> CollectionInfo? {
    guard let name = shown(info.name) else { return nil }
    var info = info
    info.name = name
    info.aliases = info.aliases.compactMap(shown)
    return info
  }

  // MARK: Collections

  func createCollection(_ name: String, schema: CollectionSchema, fields: [VectorField]) async throws {
    _ = try await whole.createCollection(own(name), schema: schema, fields: fields)
  }

  func addVectorField(_ field: VectorField, to name: String) async throws {
    try await whole.addVectorField(field, to: own(name))
  }

  func dropVectorField(_ field: String, from name: String) async throws {
    try await whole.dropVectorField(field, from: own(name))
  }

  func describeCollection(_ name: String) throws -> CollectionInfo {
    let info = try whole.describeCollection(own(name))
    guard let shown = shown(info) else {
      throw MoultError(.collectionNotFound, "there is no collection or alias '\(name)' in this database")
    }
    return shown
  }

  func listCollections() throws -> [CollectionInfo] { try whole.listCollections().compactMap(shown) }
  func hasCollection(_ name: String) -> Bool { whole.hasCollection(own(name)) }
  func dropCollection(_ name: String) async throws { try await whole.dropCollection(own(name)) }

  /// - Parameter database: where it goes.
  func renameCollection(_ name: String, to newName: String, database: String) async throws {
    try await whole.renameCollection(own(name), to: Name.qualified(newName, in: database))
  }

  func annotate(_ name: String, _ change: @Sendable (CollectionInfo) throws -> String?) async throws {
    try await whole.annotate(own(name), change)
  }

  func redefine(_ name: String, metric: Metric, index: IndexSpecification) async throws {
    try await whole.redefine(own(name), metric: metric, index: index)
  }

  func sealSegments(of name: String) async throws { try await whole.sealSegments(of: own(name)) }
  func mergeSegments(of name: String) throws { try whole.mergeSegments(of: own(name)) }
  func rowsWithoutIndex(of name: String) throws -> Int { try whole.rowsWithoutIndex(of: own(name)) }

  func segments(of name: String) throws -> [SegmentSummary] { try whole.segments(of: own(name)) }

  func startSwitch(_ name: String, _ request: SwitchRequest) async throws -> JobInfo {
    try await whole.startSwitch(own(name), request)
  }

  func jobs(subject: String, limit: Int = 100) throws -> [JobInfo] {
    try whole.jobs(subject: own(subject), limit: limit)
  }

  // MARK: Imports

  func startImport(into name: String, order: String, waits: Bool) async throws -> JobInfo {
    try await whole.startImport(into: own(name), order: order, waits: waits)
  }

  /// `nil` for jobs of other kinds and of other databases.
  func importJob(_ id: Int64) throws -> DescribedImport? {
    do { return try described(try whole.job(id)) } catch let error as MoultError
      where error.code == .jobNotFound
    {
      return nil
    }
  }

  /// Of this database, newest first.
  func importJobs() throws -> [DescribedImport] {
    try whole.jobs(limit: 10_000).compactMap(described)
  }

  /// Those that have not ended, however many jobs have come since.
  func unfinishedImports(into name: String) throws -> [DescribedImport] {
    try whole.unfinishedImports(into: own(name)).compactMap(described)
  }

  private func described(_ job: JobInfo) throws -> DescribedImport? {
    guard job.kind == Engine.importKind, let name = shown(job.subject) else { return nil }
    let order = try JSONDecoder().decode(ImportOrder.self, from: Data(try whole.importOrder(job.id).utf8))
    return DescribedImport(job: job, collection: name, order: order)
  }

  // MARK: Aliases

  func createAlias(_ alias: String, collection: String) async throws {
    try await whole.createAlias(own(alias), collection: own(collection))
  }

  func alterAlias(_ alias: String, collection: String) async throws {
    try await whole.alterAlias(own(alias), collection: own(collection))
  }

  func dropAlias(_ alias: String) async throws { try await whole.dropAlias(own(alias)) }

  func describeAlias(_ alias: String) throws -> String {
    let target = try whole.describeAlias(own(alias))
    return shown(target) ?? target
  }

  /// - Parameter collection: `nil` for all of the database.
  func listAliases(of collection: String?) throws -> [(alias: String, collection: String)] {
    try whole.listAliases(of: collection.map(own)).compactMap { alias, collection in
      guard let alias = shown(alias), let collection = shown(collection) else { return nil }
      return (alias, collection)
    }
  }

  // MARK: Points

  func reading<Value>(_ name: String, _ body: (_ info: CollectionInfo) async throws -> Value) async throws
    -> Value
  {
    try await whole.reading(own(name)) { info in
      guard let shown = shown(info) else {
        throw MoultError(.collectionNotFound, "there is no collection or alias '\(name)' in this database")
      }
      return try await body(shown)
    }
  }

  func write(_ batch: PointBatch, to name: String, mode: WriteMode) async throws -> WriteResult {
    try await whole.write(batch, to: own(name), mode: mode)
  }

  func update(
    _ ids: [PointID], in name: String, change: @escaping @Sendable ([Point?]) throws -> PointBatch
  ) async throws -> WriteResult { try await whole.update(ids, in: own(name), change: change) }

  func replace(_ batch: PointBatch, in name: String) async throws -> WriteResult {
    try await whole.replace(batch, in: own(name))
  }

  func delete(_ ids: [PointID], from name: String) async throws -> WriteResult {
    try await whole.delete(ids, from: own(name))
  }

  func delete(matching filter: PointFilter, from name: String) async throws -> WriteResult {
    try await whole.delete(matching: filter, from: own(name))
  }

  func query(
    _ name: String, filter: PointFilter?, limit: Int, offset: Int = 0, includeVectors: Bool,
    includePayload: Bool
  ) async throws -> PointPage {
    try await whole.query(
      own(name), filter: filter, limit: limit, offset: offset, includeVectors: includeVectors,
      includePayload: includePayload)
  }

  func query(
    _ name: String, filter: PointFilter?, order: [PointOrder], limit: Int, offset: Int, includeVectors: Bool,
    includePayload: Bool
  ) async throws -> PointPage {
    try await whole.query(
      own(name), filter: filter, order: order, limit: limit, offset: offset, includeVectors: includeVectors,
      includePayload: includePayload)
  }

  func aggregate(
    _ name: String, _ aggregation: PointAggregation, filter: PointFilter?, limit: Int, offset: Int
  ) async throws -> (groups: [[PointFilter.Scalar]], servedBy: ServedBy) {
    try await whole.aggregate(own(name), aggregation, filter: filter, limit: limit, offset: offset)
  }

  func count(_ name: String, filter: PointFilter) async throws -> (count: Int, servedBy: ServedBy) {
    try await whole.count(own(name), filter: filter)
  }

  func get(_ ids: [PointID], from name: String, includeVectors: Bool, includePayload: Bool) async throws
    -> PointPage
  {
    try await whole.get(ids, from: own(name), includeVectors: includeVectors, includePayload: includePayload)
  }

  func search(_ request: SearchRequest, in name: String) async throws -> SearchResponse {
    try await whole.search(request, in: own(name))
  }

  func queryVectors(of texts: [String], in name: String) async throws -> [[Float]] {
    try await whole.queryVectors(of: texts, in: own(name))
  }

  func search(_ request: PayloadSearch, in name: String) async throws -> SearchResponse {
    try await whole.search(request, in: own(name))
  }
}
