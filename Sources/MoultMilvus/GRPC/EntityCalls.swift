internal import Foundation
internal import MilvusProto
internal import MoultEngine
internal import MoultModel
internal import MoultServer
internal import SwiftProtobuf

extension MilvusAPI {
  var entityCalls: [RPCMethod] {
    [
      rpc("Insert", .write, ProtoInsertRequest.self) { request in
        let ids = try await write(
          request.fieldsData, count: Int(request.numRows), to: request.collectionName,
          partition: request.partitionName, schemaTimestamp: request.schemaTimestamp)
        return mutation(ids) { $0.insertCnt = Int64(ids.count) }
      },
      rpc("Upsert", .write, ProtoUpsertRequest.self) { request in
        let ids = try await write(
          request.fieldsData, count: Int(request.numRows), to: request.collectionName,
          partition: request.partitionName, schemaTimestamp: request.schemaTimestamp, isUpsert: true,
          isPartial: request.partialUpdate, operations: request.fieldOps)
        return mutation(ids) { $0.upsertCnt = Int64(ids.count) }
      },
      rpc("Delete", .write, ProtoDeleteRequest.self) { request in
        let result = try await operations.delete(
          request.expr, templates: try FilterTemplates.values(request.exprTemplateValues),
          from: request.collectionName, partition: request.partitionName)
        // Clients take ids for an answer of another kind.
        return mutation([]) { $0.deleteCnt = Int64(result.ids.count) }
      },
      rpc("Query", .read, ProtoQueryRequest.self) { request in
        let query = try MilvusQuery(request)
        return try await operations.reading(request.collectionName) { try await answer(query, request, $0) }
      },
      rpc("Search", .read, ProtoSearchRequest.self) { request in
        try await operations.reading(request.collectionName) { try await answer(request, $0) }
      },
      rpc("HybridSearch", .read, ProtoHybridSearchRequest.self) { request in
        try await operations.reading(request.collectionName) { try await answer(request, $0) }
      },
    ]
  }

  // MARK: Writing

  private func write(
    _ fields: [ProtoFieldData], count: Int, to name: String, partition: String, schemaTimestamp: UInt64,
    isUpsert: Bool = false, isPartial: Bool = false, operations named: [ProtoFieldPartialUpdateOp] = []
  ) async throws -> [PointID] {
    let collection = try operations.describe(name)
    // A client that still has the schema of the collection before: it reads the new one and comes again.
    guard schemaTimestamp == 0 || schemaTimestamp == collection.schemaTimestamp else {
      throw MilvusError(
        code: MilvusError.Code.schemaMismatch, message: "collection schema mismatch[collection=\(name)]")
    }
    let columns = try ColumnReader(fields, count: count, of: collection, namesKeys: isUpsert)
    let changes = try ArrayOperation.operations(
      named.map { ($0.fieldName, $0.op.name) }, of: collection.definition, isPartial: isPartial)
    if isPartial {
      return try await operations.update(
        try columns.partialRows(), changes, in: name, partition: partition
      ).ids
    }
    return try await operations.write(try columns.batch(), to: name, partition: partition).ids
  }

  private func mutation(_ ids: [PointID], _ count: (inout ProtoMutationResult) -> Void) -> ProtoMutationResult
  {
    .with { result in
      var isInteger = true
      if case .string? = ids.first { isInteger = false }
      result.ids = ColumnWriter.ids(ids, isInteger ? .int64 : .string)
      result.succIndex = (0..<UInt32(ids.count)).map(\.self)
      result.acknowledged = true
      result.timestamp = clock.next()
      count(&result)
    }
  }

  // MARK: Reading

  private func answer(
    _ query: MilvusQuery, _ request: ProtoQueryRequest, _ collection: DescribedCollection
  ) async throws -> ProtoQueryResults {
    var answer = ProtoQueryResults.with {
      $0.collectionName = request.collectionName
      $0.sessionTs = clock.next()
      $0.primaryFieldName = collection.info.schema.keyField
    }
    guard !query.isAggregation else {
      let groups = try await operations.groups(query, in: collection)
      answer.outputFields = groups.columns.map(\.name)
      answer.fieldsData = groups.columns.map(ColumnWriter.column)
      return answer
    }
    guard !query.isCount else {
      let (count, _) = try await operations.count(query, in: collection)
      answer.outputFields = [MilvusOperations.countField]
      answer.fieldsData = [
        .with {
          $0.type = .int64
          $0.fieldName = MilvusOperations.countField
          $0.scalars.longData.data = [Int64(count)]
        }
      ]
      return answer
    }
    let output = try OutputFields(query.outputFields, of: collection)
    let points = try await operations.query(query, in: collection, output: output).points
    let columns = ColumnWriter(query.outputFields, output: output, of: collection)
    answer.outputFields = columns.outputFields
    if !answer.outputFields.contains(answer.primaryFieldName) {
      answer.outputFields.append(answer.primaryFieldName)
    }
    answer.fieldsData = columns.columns(
      ids: points.map(\.id), vectors: points.map { $0.vectors(collection.info.schema) },
      payloads: points.map(\.payload), withKey: true)
    return answer
  }

  private func answer(_ request: ProtoSearchRequest, _ collection: DescribedCollection) async throws
    -> ProtoSearchResults
  {
    try UnknownMembers.refuse(UnknownMembers.ofSearch, in: request)
    let parameters = try SearchParameters(request.searchParams)
    let search = try parameters.search(
      request, queries: try await queries(of: request, try collection.target(parameters.field), collection))
    let output = try OutputFields(request.outputFields, of: collection)
    let ranking = try MilvusRanking(
      request.functionScore.rankFunctions, parameters: request.functionScore.rankParameters, in: collection)
    let response = try await operations.search(search, ranking: ranking, in: collection, output: output)
    var results = results(
      response, limit: search.limit,
      columns: ColumnWriter(request.outputFields, output: output, of: collection),
      collection, parameters)
    results.collectionName = request.collectionName
    if let iteration = search.iteration {
      // Nothing is kept between steps: the token is what the client knows the iterator by.
      results.results.searchIteratorV2Results.token = parameters.iteratorToken ?? UUID().uuidString
      results.results.searchIteratorV2Results.lastBound =
        response.hits.first?.last?.score ?? iteration.lastScore ?? 0
    }
    if let field = collection.definition.field(search.groupingField) {
      results.results.groupByFieldValue = .with {
        $0.fieldName = field.name
        $0.type = ProtoDataType(rawValue: field.type.rawValue) ?? .none
        $0.scalars = ColumnWriter.scalars(
          response.hits.joined().map { $0.group.map(JSON.init) ?? .null }, field.type, nil)
      }
    }
    return results
  }

  private func answer(_ request: ProtoHybridSearchRequest, _ collection: DescribedCollection) async throws
    -> ProtoSearchResults
  {
    try UnknownMembers.refuse(UnknownMembers.ofHybridSearch, in: request)
    let parameters = try SearchParameters(request.rankParams)
    let output = try OutputFields(request.outputFields, of: collection)
    var searches: [MilvusSearch] = []
    for part in request.requests {
      try UnknownMembers.refuse(UnknownMembers.ofSearch, in: part)
      let own = try SearchParameters(part.searchParams)
      var search = try own.search(
        part, queries: try await queries(of: part, try collection.target(own.field), collection))
      if !request.partitionNames.isEmpty { search.partitions = request.partitionNames }
      searches.append(search)
    }
    let functions = request.functionScore.rankFunctions
    let limit = try parameters.limit
    let hybrid = HybridSearch(
      searches: searches,
      ranker: functions.isEmpty
        ? try parameters.ranker()
        : try MilvusRanking(functions, parameters: request.functionScore.rankParameters, in: collection)
          .hybridRanker(),
      limit: limit, offset: try parameters.offset, grouping: try parameters.grouping())
    let response = try await operations.hybridSearch(hybrid, in: collection, output: output)
    var results = results(
      response, limit: limit, columns: ColumnWriter(request.outputFields, output: output, of: collection),
      collection,
      parameters)
    results.collectionName = request.collectionName
    return results
  }

  private func queries(
    of request: ProtoSearchRequest, _ target: SearchTarget, _ collection: DescribedCollection
  ) async throws -> SearchQueries {
    switch (request.searchInput, collection.info.schema.keyKind) {
    case (.placeholderGroup(let bytes)?, _): return try SearchParameters.queries(bytes, target)
    case (.ids(let ids)?, .int64):
      return try await operations.queries(of: ids.intID.data.map { .int64($0) }, target, in: collection)
    case (.ids(let ids)?, .string):
      return try await operations.queries(of: ids.strID.data.map { .string($0) }, target, in: collection)
    case (.ids(let ids)?, .mixed):
      return try await operations.queries(of: ids.strID.data.map { .mixed($0) }, target, in: collection)
    case (nil, _): throw MilvusError.invalidParameter("a search takes query vectors or ids")
    }
  }

  private func results(
    _ response: FoundPoints, limit: Int, columns: ColumnWriter, _ collection: DescribedCollection,
    _ parameters: SearchParameters
  ) -> ProtoSearchResults {
    let hits = response.hits.flatMap(\.self)
    return .with { answer in
      answer.sessionTs = clock.next()
      answer.results.numQueries = Int64(response.hits.count)
      answer.results.topK = Int64(limit)
      answer.results.topks = response.hits.map { Int64($0.count) }
      answer.results.ids = ColumnWriter.ids(hits.map(\.id), collection.info.schema.keyKind)
      answer.results.scores = hits.map { parameters.rounded($0.score) }
      answer.results.outputFields = columns.outputFields
      answer.results.primaryFieldName = collection.info.schema.keyField
      answer.results.allSearchCount = Int64(collection.info.count)
      answer.results.fieldsData = columns.columns(
        ids: hits.map(\.id), vectors: hits.map(\.vectors), payloads: hits.map(\.payload), withKey: false)
    }
  }
}

extension ProtoFunctionScore {
  fileprivate var rankFunctions: [RankFunction] {
    functions.map { function in
      RankFunction(
        name: function.name, type: function.type.rawValue, inputs: function.inputFieldNames,
        outputs: function.outputFieldNames, parameters: function.params.map { ($0.key, $0.value) })
    }
  }

  fileprivate var rankParameters: [String: String] {
    Dictionary(params.map { ($0.key.lowercased(), $0.value) }) { _, last in last }
  }
}

extension MilvusQuery {
  fileprivate init(_ request: ProtoQueryRequest) throws {
    self.init(
      filter: request.expr, templates: try FilterTemplates.values(request.exprTemplateValues),
      outputFields: request.outputFields, partitions: request.partitionNames)
    for pair in request.queryParams {
      switch pair.key {
      case "limit":
        // -1 asks for all.
        let number = try SearchParameters.integer(pair)
        limit = number < 0 ? nil : number
      case "offset": offset = try SearchParameters.integer(pair)
      case "order_by_fields": order = Self.list(pair.value)
      case "group_by_fields": groupFields = Self.list(pair.value)
      case "iterator": isIterator = pair.value.lowercased() == "true"
      default: break
      }
    }
  }
}

extension ProtoFieldPartialUpdateOp.OpType {
  fileprivate var name: String {
    switch self {
    case .replace: "REPLACE"
    case .arrayAppend: ArrayOperation.append.rawValue
    case .arrayRemove: ArrayOperation.remove.rawValue
    case .UNRECOGNIZED(let number): String(number)
    }
  }
}
