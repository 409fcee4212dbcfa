internal import MoultEngine
internal import MoultModel

/// An index as it is described.
struct DescribedIndex {
  enum State {
    case finished
    /// A switch builds what was asked for; searches go on meanwhile.
    case building
  }

  var index: CollectionDefinition.Index
  var id: Int64
  var rowCount: Int
  /// Rows that are scanned until their part of the index is built.
  var pendingCount: Int
  var state: State
}

extension MilvusOperations {
  /// Describes the index as given, and gives the collection the nearest form: at once where nothing has to be
  /// learned, by a switch when there are rows to learn from.
  func createIndex(
    _ collectionName: String, field fieldName: String, name: String,
    parameters: [CollectionDefinition.Parameter]
  ) async throws {
    let collection = try describe(collectionName)
    guard let field = collection.definition.field(fieldName) else {
      throw MilvusError.invalidParameter("cannot create index on non-exist field: \(fieldName)")
    }
    let payload = field.type.isPayloadVector ? try PayloadTarget(field, collection.definition) : nil
    let defaultMetric = payload?.defaultMetric ?? .cosine
    var index = CollectionDefinition.Index(
      name: name.isEmpty ? fieldName : name, field: fieldName, parameters: parameters)
    if !index.parameters.contains(where: { $0.key == "index_type" }),
      IndexKind.value("index_type", in: index) == nil
    {
      index.parameters.append(.init(key: "index_type", value: "AUTOINDEX"))
    }
    if let present = collection.definition.indexes.first(where: { $0.field == fieldName }) {
      guard present == index || (present.name == index.name && isSame(present, index, defaultMetric)) else {
        throw MilvusError.invalidParameter("at most one distinct index is allowed per field")
      }
      return
    }
    if collection.definition.indexes.contains(where: { $0.name == index.name }) {
      throw MilvusError.invalidParameter(
        "CreateIndex failed: creating multiple indexes on same name: \(index.name) is not supported")
    }
    if field.type.isVector {
      if IndexKind.value("metric_type", in: index) == nil {
        index.parameters.append(.init(key: "metric_type", value: defaultMetric.rawValue))
      }
      if let payload {
        try payload.check(index)
      } else {
        try await build(index, try collection.vector(fieldName))
      }
    } else {
      let type = IndexKind.value("index_type", in: index) ?? ""
      guard IndexKind.scalar.contains(type.uppercased()) else {
        throw MilvusError.invalidParameter("invalid index type: \(type) for field \(fieldName)")
      }
    }
    try await alter(collection.info.name) { [index] definition in
      definition.indexes.removeAll { $0.field == index.field }
      definition.indexes.append(index)
    }
  }

  /// Whether two say the same in another order.
  private func isSame(
    _ left: CollectionDefinition.Index, _ right: CollectionDefinition.Index, _ defaultMetric: MilvusMetric
  ) -> Bool {
    func sorted(_ index: CollectionDefinition.Index) -> [String] {
      index.parameters.filter { $0.key != "metric_type" || $0.value != defaultMetric.rawValue }
        .map { "\($0.key)=\($0.value)" }.sorted()
    }
    return sorted(left) == sorted(right)
  }

  private func build(_ index: CollectionDefinition.Index, _ target: VectorTarget) async throws {
    let type = IndexKind.value("index_type", in: index) ?? "AUTOINDEX"
    guard let kind = IndexKind(rawValue: type.uppercased()) else {
      throw IndexKind.misfit(type, target.field)
    }
    let metricName = IndexKind.value("metric_type", in: index) ?? "COSINE"
    guard let metric = Metric(milvusName: metricName) else {
      throw MilvusError.invalidParameter(
        "float vector index does not support metric type: \(metricName)", expected: "COSINE, IP, L2",
        actual: metricName)
    }
    let wanted = try kind.specification(index, dimension: target.dimension)
    let live = target.generation.specification
    if metric != target.metric || (wanted.isIdentity && live.isIdentity && live.index != wanted.index) {
      let index = wanted.isIdentity ? wanted.index : live.index
      do {
        try await engine.redefine(target.path, metric: metric, index: index)
      } catch let error as MoultError where error.code == .unsupported && metric == target.metric {
        // There is an index of another kind: a switch builds this one beside it.
        return try await startSwitch(target, wanted)
      }
      try await engine.sealSegments(of: target.path)
    }
    // Without rows there is nothing to learn from; the next index, load or flush comes back to it.
    if !wanted.isIdentity || !live.isIdentity, kind != .automatic, target.count > 0 {
      try await startSwitch(target, wanted)
    }
  }

  /// Milvus' clients ask for a form and no recall: it is measured and let pass.
  private func startSwitch(_ target: VectorTarget, _ wanted: EncodingSpecification) async throws {
    let live = target.generation.specification
    if live.quantization == wanted.quantization, live.bits == wanted.bits, live.index == wanted.index {
      return
    }
    _ = try await engine.startSwitch(
      target.path, SwitchRequest(specification: wanted, gate: RecallGateRequest(minimumRecall: 0)))
  }

  /// Builds what indexes were described as before there were rows. A switch that is under way is let be.
  func catchUpIndex(of collection: DescribedCollection) async throws {
    for target in collection.vectors { try await catchUpIndex(of: target, in: collection) }
  }

  private func catchUpIndex(of target: VectorTarget, in collection: DescribedCollection) async throws {
    guard target.count > 0,
      let index = collection.definition.indexes.first(where: { $0.field == target.field.name }),
      let type = IndexKind.value("index_type", in: index), let kind = IndexKind(rawValue: type.uppercased())
    else { return }
    try await engine.sealSegments(of: target.path)
    let wanted = try kind.specification(index, dimension: target.dimension)
    guard kind != .automatic, !wanted.isIdentity else { return }
    do {
      try await startSwitch(target, wanted)
    } catch let error as MoultError where error.code == .switchInProgress {
      return
    }
  }

  /// - Parameters: empty for all.
  /// - Throws: 700 when there is none.
  func describeIndexes(_ collectionName: String, name: String, field: String = "") throws -> [DescribedIndex]
  {
    let collection = try describe(collectionName)
    let found = collection.definition.indexes.enumerated().filter { _, index in
      (name.isEmpty || index.name == name) && (field.isEmpty || index.field == field)
    }
    guard !found.isEmpty else {
      let what = name.isEmpty ? "collection=\(collectionName)" : "indexName=\(name)"
      throw MilvusError(code: MilvusError.Code.indexNotFound, message: "index not found[\(what)]")
    }
    let vectors = collection.vectors
    return try found.map { place, index in
      var described = DescribedIndex(
        index: index, id: collection.info.id * 1_000 + Int64(place) + 1, rowCount: collection.info.count,
        pendingCount: 0, state: .finished)
      guard let target = vectors.first(where: { $0.field.name == index.field }) else { return described }
      let isBuilding = try engine.jobs(subject: target.path).contains {
        $0.kind == "switch" && !$0.state.isFinal
      }
      let pending = try engine.rowsWithoutIndex(of: target.path)
      described.rowCount = target.count
      described.pendingCount = isBuilding ? target.count : min(target.count, pending)
      described.state = isBuilding || pending > 0 ? .building : .finished
      return described
    }
  }

  /// A missing index is no failure.
  func dropIndex(_ collectionName: String, name: String) async throws {
    let collection = try describe(collectionName)
    guard let index = collection.definition.indexes.first(where: { $0.name == name || name.isEmpty }) else {
      return
    }
    if collection.definition.field(index.field)?.type.isVector == true, collection.definition.isLoaded {
      throw MilvusError.invalidParameter(
        "vector index cannot be dropped on loaded collection: \(collection.info.id)")
    }
    try await alter(collection.info.name) { $0.indexes.removeAll { $0.name == index.name } }
  }

  /// Other properties of an index; another type or other parameters are a switch, and searches go on.
  func alterIndex(
    _ collectionName: String, name: String, set: [CollectionDefinition.Parameter], remove: [String]
  ) async throws {
    let collection = try describe(collectionName)
    try Self.requireOwn(collection.info)
    guard let place = collection.definition.indexes.firstIndex(where: { $0.name == name }) else {
      throw MilvusError(code: MilvusError.Code.indexNotFound, message: "index not found[indexName=\(name)]")
    }
    var index = collection.definition.indexes[place]
    index.parameters.removeAll { parameter in
      remove.contains(parameter.key) || set.contains { $0.key == parameter.key }
    }
    index.parameters += set
    let changesForm = set.contains { $0.key != "mmap.enabled" }
    if changesForm, let field = collection.definition.field(index.field), field.type.isVector {
      let before = IndexKind.value("metric_type", in: collection.definition.indexes[place])
      guard IndexKind.value("metric_type", in: index) == before else {
        throw MilvusError.invalidParameter("the metric type of an index cannot be altered")
      }
      if field.type.isPayloadVector {
        try PayloadTarget(field, collection.definition).check(index)
      } else {
        try await build(index, try collection.vector(index.field))
      }
    } else if collection.definition.isLoaded {
      throw MilvusError(
        code: MilvusError.Code.collectionLoaded,
        message: "can't alter index on loaded collection, please release the collection first: "
          + "collection already loaded[collection=\(collectionName)]")
    }
    try await alter(collection.info.name) { [index] definition in
      definition.indexes.removeAll { $0.name == name }
      definition.indexes.append(index)
    }
  }
}
