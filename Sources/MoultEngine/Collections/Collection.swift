import MoultCompute
import MoultModel
import MoultStorage
import Synchronization

/// A collection that is open: its current snapshot, and the gate its writers go through.
///
/// A vector field beside a collection's first is one too. It has the points, row numbers and sequences of its
/// collection, which alone is written to, and segments, generations and searches of its own. A row that has no
/// vector in the field is dead there from the beginning (``CollectionWriter/absentNorm``), or has no place at all.
final class Collection: Sendable {
  let id: Int64
  /// Of the collection that this is a vector field of.
  let parentID: Int64?
  /// Its annotations, text vectors, search field and completeness are those it was opened with; `info` has the present ones.
  let schema: CollectionSchema
  let createdAt: Int64
  private let storedPoints: PointStore
  /// Held while rows are written, a generation is attached or exchanged, and for a reindex's cut-over.
  let writers = SerialGate()
  /// Encodes what every vector file holds: the full-precision row and its inverse norm.
  let identityEncoder: VectorEncoder
  /// Of its searches, for measuring what may answer them next.
  let recentQueries: RecentQueries
  /// Rows that its filters match.
  let filters = FilterCache()
  /// Of payload fields that were searched.
  let payloadIndexes = PayloadIndexes()
  let mergePause = MergePause()

  private struct State {
    var name: String
    var annotations: String?
    var textVectors: TextVectors?
    var searchField: String?
    var isPartial: Bool
    var snapshot: CollectionSnapshot
    var isReady: Bool
    var nextRow: Int64
    var nextKey: Int64
    var updatedAt: Int64
    var fields: [Collection] = []
    /// What it is a vector field of.
    weak var whole: Collection?
  }

  private let state: Mutex<State>

  /// Held while a write becomes visible in all vector fields, so that whoever counts sees it in all or in none.
  private let publication = Mutex<Void>(())

  init(
    id: Int64, parentID: Int64?, name: String, schema: CollectionSchema, createdAt: Int64, points: PointStore,
    identityEncoder: VectorEncoder, snapshot: CollectionSnapshot, isReady: Bool, nextRow: Int64,
    nextKey: Int64
  ) {
    self.id = id
    self.parentID = parentID
    self.schema = schema
    self.createdAt = createdAt
    storedPoints = points
    self.identityEncoder = identityEncoder
    recentQueries = RecentQueries(dimension: schema.dimension)
    state = Mutex(
      State(
        name: name, annotations: schema.annotations, textVectors: schema.textVectors,
        searchField: schema.searchField, isPartial: schema.isPartial == true, snapshot: snapshot,
        isReady: isReady, nextRow: nextRow, nextKey: nextKey,
        updatedAt: max(createdAt, snapshot.live.publishedAt ?? 0)))
  }

  /// Changes under the gate of names only.
  var name: String { state.withLock { $0.name } }

  /// Its vector fields get their names with it.
  func rename(to name: String) {
    for field in fields { field.rename(to: FieldName.joined(name, field.schema.vectorField)) }
    state.withLock { $0.name = name }
  }
  /// Takes over what of a schema may change while the collection is open.
  func redefine(as schema: CollectionSchema) {
    state.withLock {
      $0.annotations = schema.annotations
      $0.textVectors = schema.textVectors
      $0.searchField = schema.searchField
      $0.isPartial = schema.isPartial == true
    }
  }

  /// What its writers give points. Changes under their gate.
  var textVectors: [TextVector] { state.withLock { $0.textVectors?.vectors ?? [] } }

  /// Whether it is a vector field that was added to points of which some have had no vector in it ever since.
  var isPartial: Bool { state.withLock { $0.isPartial } }

  func markComplete() { state.withLock { $0.isPartial = false } }

  /// The field that is searched where none is named.
  var searched: Collection {
    guard let name = state.withLock({ $0.searchField }) else { return self }
    return fields.first { $0.schema.vectorField == name } ?? self
  }

  /// The snapshot to answer a request from, taken once a request.
  var snapshot: CollectionSnapshot { state.withLock { $0.snapshot } }

  /// False while a reindex fills the collection.
  var isReady: Bool { state.withLock { $0.isReady } }
  var nextRow: Int64 { state.withLock { $0.nextRow } }

  /// Its vector fields beside the first, in the order of their making. Changes under the gate of names and that of the
  /// writers only.
  var fields: [Collection] { state.withLock { $0.fields } }

  func setFields(_ fields: [Collection]) {
    for field in fields { field.state.withLock { $0.whole = self } }
    state.withLock { $0.fields = fields.sorted { $0.id < $1.id } }
  }

  var points: PointStore {
    var points = storedPoints
    points.vectorRows = { [self] name in
      guard let field = whole.withFields.first(where: { $0.schema.vectorField == name }) else { return nil }
      let snapshot = field.snapshot
      return { row in
        snapshot.place(ofRow: row).map { !snapshot.segments[$0.segment].isAbsent($0.place) } ?? false
      }
    }
    return points
  }

  /// What this is a vector field of; itself for a collection.
  var whole: Collection { state.withLock { $0.whole } ?? self }

  /// What names this one and no other: a collection's name stands for another field once that is its default.
  var nameOfField: String { searched === self ? name : FieldName.joined(name, schema.vectorField) }

  /// The collection and its vector fields: all that a write changes.
  var withFields: [Collection] { [self] + fields }

  /// Tells collections which of the others are their fields.
  static func join(_ collections: [Collection]) {
    let fields = Dictionary(grouping: collections.filter { $0.parentID != nil }) { $0.parentID! }
    for collection in collections where collection.parentID == nil {
      collection.setFields(fields[collection.id] ?? [])
    }
  }

  /// Holds the gates of all of them.
  func holdingWriters<Result: Sendable>(
    _ body: @Sendable () async throws -> Result
  ) async throws -> Result {
    // Its own first: fields come and go under it.
    try await writers.run { try await Self.holdingWriters(of: fields[...], body) }
  }

  /// - Parameter collections: rising by number, so that nobody waits in a circle.
  static func holdingWriters<Result: Sendable>(
    of collections: ArraySlice<Collection>, _ body: @Sendable () async throws -> Result
  ) async throws -> Result {
    guard let first = collections.first else { return try await body() }
    return try await first.writers.run { try await holdingWriters(of: collections.dropFirst(), body) }
  }

  var updatedAt: Int64 { state.withLock { $0.updatedAt } }

  /// The key that the next point gets where the collection gives out keys.
  var nextKey: Int64 { state.withLock { $0.nextKey } }

  /// Follows the catalog after keys were reserved there.
  func reserveKeys(below nextKey: Int64) { state.withLock { $0.nextKey = max($0.nextKey, nextKey) } }

  func markReady() { state.withLock { $0.isReady = true } }

  /// Makes `snapshot` current. Only the holder of `writers` calls it.
  func publish(_ snapshot: CollectionSnapshot, nextRow: Int64? = nil) {
    let hasMoved = state.withLock { state in
      let hasMoved = snapshot.live.id != state.snapshot.live.id
      if hasMoved { state.updatedAt = max(state.updatedAt + 1, snapshot.live.publishedAt ?? 0) }
      state.snapshot = snapshot
      if let nextRow { state.nextRow = nextRow }
      return hasMoved
    }
    if hasMoved {
      snapshot.live.wakeBlocks()
      snapshot.previous?.releaseBlocks()
    }
  }

  /// Makes a write visible by calls of `publish` on this collection and on its fields.
  func publishTogether(_ body: () -> Void) { publication.withLock { _ in body() } }

  /// How many points have a vector in one of its fields, and how many there are: at one moment.
  func coverage(of field: Collection) -> (filled: Int, total: Int) {
    let (own, all) = publication.withLock { _ in (field.snapshot, snapshot) }
    return (own.liveCount, all.liveCount)
  }

  /// Keys from `first` on, for a collection that gives out its own.
  func keys(first: Int64, count: Int) -> [PointID] {
    (first..<first + Int64(count)).map { schema.keyKind == .string ? .string(String($0)) : .int64($0) }
  }

  func servedBy(_ snapshot: CollectionSnapshot) -> ServedBy {
    ServedBy(collection: FieldName.split(name)?.collection ?? name, generation: snapshot.live.id)
  }

  private func fieldInfo(_ snapshot: CollectionSnapshot) -> VectorFieldInfo {
    VectorFieldInfo(
      name: schema.vectorField, dimension: schema.dimension, metric: schema.metric,
      elementType: schema.elementType, count: snapshot.liveCount,
      generation: snapshot.live.info(state: .live),
      previousGeneration: snapshot.previous?.info(state: .retained))
  }

  func info(aliases: [String]) -> CollectionInfo {
    let (state, fields) = publication.withLock { _ in
      let state = self.state.withLock { $0 }
      return (state, state.fields.map { (field: $0, snapshot: $0.snapshot) })
    }
    let (snapshot, isReady, updatedAt) = (state.snapshot, state.isReady, state.updatedAt)
    var schema = schema
    schema.annotations = state.annotations
    schema.textVectors = state.textVectors
    schema.searchField = state.searchField
    schema.isPartial = state.isPartial ? true : nil
    return CollectionInfo(
      name: state.name, id: id, schema: schema, count: snapshot.liveCount, aliases: aliases,
      generation: snapshot.live.info(state: .live),
      previousGeneration: snapshot.previous?.info(state: .retained), createdAt: createdAt,
      updatedAt: updatedAt,
      ready: isReady, fields: fields.map { field, snapshot in field.fieldInfo(snapshot) })
  }
}
