internal import MoultServer
internal import QdrantProto

// Queries, as the JSON that REST takes for the same.

extension ProtoVectorInput {
  var json: JSON {
    switch variant {
    case .id(let id): id.json
    case .dense(let dense): JSON(numbers: dense.data)
    case .sparse(let sparse): sparse.json
    case .multiDense(let multi): multi.json
    case .document(let document): document.json
    case nil: .null
    }
  }
}

extension ProtoVectorExample {
  fileprivate var json: JSON {
    switch example {
    case .id(let id): id.json
    case .vector(let vector): vector.json
    case nil: .null
    }
  }
}

extension ProtoRecommendStrategy {
  fileprivate var json: JSON {
    switch self {
    case .averageVector: .string("average_vector")
    case .bestScore: .string("best_score")
    case .sumScores: .string("sum_scores")
    case .UNRECOGNIZED(let number): .int(Int64(number))
    }
  }
}

extension JSON {
  fileprivate static func recommend(_ positive: [JSON], _ negative: [JSON], _ strategy: JSON?) -> JSON {
    var object: JSONObject = ["positive": .array(positive), "negative": .array(negative)]
    object["strategy"] = strategy
    return .object(["recommend": .object(object)])
  }

  fileprivate static func pair(_ positive: JSON, _ negative: JSON) -> JSON {
    .object(["positive": positive, "negative": negative])
  }
}

extension ProtoOrderBy {
  var json: JSON {
    var object: JSONObject = ["key": .string(key)]
    if hasDirection { object["direction"] = .string(direction == .desc ? "desc" : "asc") }
    switch startFrom.value {
    case .float(let number): object["start_from"] = .double(number)
    case .integer(let number): object["start_from"] = .int(number)
    case .timestamp(let moment): object["start_from"] = moment.json
    case .datetime(let text): object["start_from"] = .string(text)
    case nil: break
    }
    return .object(object)
  }
}

extension ProtoQuery {
  var json: JSON {
    switch variant {
    case .nearest(let input): return .object(["nearest": input.json])
    case .recommend(let input):
      return .recommend(
        input.positive.map(\.json), input.negative.map(\.json), input.hasStrategy ? input.strategy.json : nil)
    case .discover(let input):
      return .object([
        "discover": .object(["target": input.target.json, "context": input.context.pairList])
      ])
    case .context(let input): return .object(["context": input.pairList])
    case .orderBy(let order): return .object(["order_by": order.json])
    case .fusion(let fusion): return .object(["fusion": .string(fusion == .dbsf ? "dbsf" : "rrf")])
    case .sample: return .object(["sample": .string("random")])
    case .formula(let formula):
      var object: JSONObject = ["formula": formula.expression.json]
      if !formula.defaults.isEmpty { object["defaults"] = .object(JSONObject(values: formula.defaults)) }
      return .object(object)
    case .nearestWithMmr(let input):
      var mmr = JSONObject()
      if input.mmr.hasDiversity { mmr["diversity"] = .double(Double(input.mmr.diversity)) }
      if input.mmr.hasCandidatesLimit { mmr["candidates_limit"] = JSON(input.mmr.candidatesLimit) }
      return .object(["nearest": input.nearest.json, "mmr": .object(mmr)])
    case .rrf(let rrf):
      var object = JSONObject()
      if rrf.hasK { object["k"] = JSON(rrf.k) }
      if !rrf.weights.isEmpty { object["weights"] = .array(rrf.weights.map { .double(Double($0)) }) }
      return .object(["rrf": .object(object)])
    case .relevanceFeedback(let input):
      var object: JSONObject = [
        "target": input.target.json,
        "feedback": .array(
          input.feedback.map {
            .object(["example": $0.example.json, "score": .double(Double($0.score))])
          }),
      ]
      if case .naive(let naive)? = input.strategy.variant {
        object["strategy"] = .object([
          "naive": .object([
            "a": .double(Double(naive.a)), "b": .double(Double(naive.b)), "c": .double(Double(naive.c)),
          ])
        ])
      }
      return .object(["relevance_feedback": .object(object)])
    case .text(let text):
      var object: JSONObject = ["query": .string(text.query)]
      if case .bm25(let bm25)? = text.scoring {
        var parameters = JSONObject()
        if bm25.hasK { parameters["k"] = .double(Double(bm25.k)) }
        if bm25.hasB { parameters["b"] = .double(Double(bm25.b)) }
        object["scoring"] = .object(["bm25": .object(parameters)])
      }
      return .object(["text": .object(object)])
    case nil: return .null
    }
  }
}

extension ProtoContextInput {
  fileprivate var pairList: JSON { .array(pairs.map { .pair($0.positive.json, $0.negative.json) }) }
}

extension ProtoExpression {
  fileprivate var json: JSON {
    switch variant {
    case .constant(let number): .double(Double(number))
    case .variable(let name): .string(name)
    case .condition(let condition): condition.json
    case .geoDistance(let distance):
      .object(["geo_distance": .object(["origin": distance.origin.json, "to": .string(distance.to)])])
    case .datetime(let text): .object(["datetime": .string(text)])
    case .datetimeKey(let key): .object(["datetime_key": .string(key)])
    case .mult(let list): .object(["mult": .array(list.mult.map(\.json))])
    case .sum(let list): .object(["sum": .array(list.sum.map(\.json))])
    case .max(let list): .object(["max": .array(list.max.map(\.json))])
    case .min(let list): .object(["min": .array(list.min.map(\.json))])
    case .div(let division): .object(["div": division.json])
    case .neg(let inner): .object(["neg": inner.json])
    case .abs(let inner): .object(["abs": inner.json])
    case .sqrt(let inner): .object(["sqrt": inner.json])
    case .exp(let inner): .object(["exp": inner.json])
    case .log10(let inner): .object(["log10": inner.json])
    case .ln(let inner): .object(["ln": inner.json])
    case .acosh(let inner): .object(["acosh": inner.json])
    case .pow(let power):
      .object(["pow": .object(["base": power.base.json, "exponent": power.exponent.json])])
    case .expDecay(let decay): .object(["exp_decay": decay.json])
    case .gaussDecay(let decay): .object(["gauss_decay": decay.json])
    case .linDecay(let decay): .object(["lin_decay": decay.json])
    case nil: .null
    }
  }
}

extension ProtoDivExpression {
  fileprivate var json: JSON {
    var object: JSONObject = ["left": left.json, "right": right.json]
    if hasByZeroDefault { object["by_zero_default"] = .double(Double(byZeroDefault)) }
    return .object(object)
  }
}

extension ProtoDecayParamsExpression {
  fileprivate var json: JSON {
    var object: JSONObject = ["x": x.json]
    if hasTarget { object["target"] = target.json }
    if hasScale { object["scale"] = .double(Double(scale)) }
    if hasMidpoint { object["midpoint"] = .double(Double(midpoint)) }
    return .object(object)
  }
}

extension ProtoSearchParams {
  fileprivate var json: JSON {
    var object = JSONObject()
    if hasHnswEf { object["hnsw_ef"] = JSON(hnswEf) }
    if hasExact { object["exact"] = .bool(exact) }
    if hasIndexedOnly { object["indexed_only"] = .bool(indexedOnly) }
    if hasQuantization {
      var inner = JSONObject()
      if quantization.hasIgnore { inner["ignore"] = .bool(quantization.ignore) }
      if quantization.hasRescore { inner["rescore"] = .bool(quantization.rescore) }
      if quantization.hasOversampling { inner["oversampling"] = .double(quantization.oversampling) }
      object["quantization"] = .object(inner)
    }
    if hasAcorn {
      var inner = JSONObject()
      if acorn.hasEnable { inner["enable"] = .bool(acorn.enable) }
      if acorn.hasMaxSelectivity { inner["max_selectivity"] = .double(acorn.maxSelectivity) }
      object["acorn"] = .object(inner)
    }
    if hasIdf {
      object["idf"] = idf.hasCorpus ? .object(["corpus": idf.corpus.json]) : .object([:])
    }
    return .object(object)
  }
}

extension ProtoLookupLocation {
  fileprivate var json: JSON {
    var object: JSONObject = ["collection": .string(collectionName)]
    if hasVectorName { object["vector"] = .string(vectorName) }
    return .object(object)
  }
}

extension ProtoWithLookup {
  fileprivate var json: JSON {
    var object: JSONObject = ["collection": .string(collection)]
    object["with_payload"] = hasWithPayload ? withPayload.json : nil
    object["with_vectors"] = hasWithVectors ? withVectors.json : nil
    return .object(object)
  }
}

extension ProtoPrefetchQuery {
  fileprivate var json: JSON {
    var body = JSONObject()
    if !prefetch.isEmpty { body["prefetch"] = .array(prefetch.map(\.json)) }
    if hasQuery { body["query"] = query.json }
    if hasUsing { body["using"] = .string(using) }
    if hasFilter { body["filter"] = filter.json }
    if hasParams { body["params"] = params.json }
    if hasScoreThreshold { body["score_threshold"] = .double(Double(scoreThreshold)) }
    if hasLimit { body["limit"] = JSON(limit) }
    if hasLookupFrom { body["lookup_from"] = lookupFrom.json }
    return .object(body)
  }
}

// MARK: Bodies

/// What all messages say that ask for points in an order.
private protocol AsksForPoints {
  var withPayload: ProtoWithPayloadSelector { get }
  var withVectors: ProtoWithVectorsSelector { get }
  var hasFilter: Bool { get }
  var filter: ProtoFilter { get }
  var hasParams: Bool { get }
  var params: ProtoSearchParams { get }
}

extension AsksForPoints {
  /// What gRPC's clients leave out is not wanted; REST's defaults are other ones, so it is said.
  fileprivate func body(_ members: JSONObject) -> JSONObject {
    var body = members
    body["with_payload"] = withPayload.json
    body["with_vector"] = withVectors.json
    if hasFilter { body["filter"] = filter.json }
    if hasParams { body["params"] = params.json }
    return body
  }
}

extension ProtoQueryPoints: AsksForPoints {
  var body: JSONObject {
    var body = body([:])
    if !prefetch.isEmpty { body["prefetch"] = .array(prefetch.map(\.json)) }
    if hasQuery { body["query"] = query.json }
    if hasUsing { body["using"] = .string(using) }
    if hasScoreThreshold { body["score_threshold"] = .double(Double(scoreThreshold)) }
    if hasLimit { body["limit"] = JSON(limit) }
    if hasOffset { body["offset"] = JSON(offset) }
    if hasLookupFrom { body["lookup_from"] = lookupFrom.json }
    return body
  }
}

extension ProtoQueryPointGroups: AsksForPoints {
  var body: JSONObject {
    var body = body([
      "group_by": .string(groupBy)
    ])
    if !prefetch.isEmpty { body["prefetch"] = .array(prefetch.map(\.json)) }
    if hasQuery { body["query"] = query.json }
    if hasUsing { body["using"] = .string(using) }
    if hasScoreThreshold { body["score_threshold"] = .double(Double(scoreThreshold)) }
    if hasLimit { body["limit"] = JSON(limit) }
    if hasGroupSize { body["group_size"] = JSON(groupSize) }
    if hasLookupFrom { body["lookup_from"] = lookupFrom.json }
    if hasWithLookup { body["with_lookup"] = withLookup.json }
    return body
  }
}

extension ProtoSearchPoints: AsksForPoints {
  /// As a query.
  var body: JSONObject {
    let vector =
      hasSparseIndices ? JSON.sparse(indices: sparseIndices.data, values: vector) : JSON(numbers: vector)
    var body = body([
      "query": .object(["nearest": vector]),
      "limit": JSON(limit),
    ])
    if hasVectorName { body["using"] = .string(vectorName) }
    if hasScoreThreshold { body["score_threshold"] = .double(Double(scoreThreshold)) }
    if hasOffset { body["offset"] = JSON(offset) }
    return body
  }
}

extension ProtoSearchPointGroups: AsksForPoints {
  /// As a query.
  var body: JSONObject {
    let vector =
      hasSparseIndices ? JSON.sparse(indices: sparseIndices.data, values: vector) : JSON(numbers: vector)
    var body = body([
      "query": .object(["nearest": vector]),
      "limit": JSON(limit), "group_by": .string(groupBy),
      "group_size": JSON(groupSize),
    ])
    if hasVectorName { body["using"] = .string(vectorName) }
    if hasScoreThreshold { body["score_threshold"] = .double(Double(scoreThreshold)) }
    if hasWithLookup { body["with_lookup"] = withLookup.json }
    return body
  }
}

extension ProtoRecommendPoints: AsksForPoints {
  /// As a query.
  var body: JSONObject {
    var body = body([
      "query": .recommend(
        positive.map(\.json) + positiveVectors.map(\.json),
        negative.map(\.json) + negativeVectors.map(\.json),
        hasStrategy ? strategy.json : nil),
      "limit": JSON(limit),
    ])
    if hasUsing { body["using"] = .string(using) }
    if hasScoreThreshold { body["score_threshold"] = .double(Double(scoreThreshold)) }
    if hasOffset { body["offset"] = JSON(offset) }
    if hasLookupFrom { body["lookup_from"] = lookupFrom.json }
    return body
  }
}

extension ProtoRecommendPointGroups: AsksForPoints {
  /// As a query.
  var body: JSONObject {
    var body = body([
      "query": .recommend(
        positive.map(\.json) + positiveVectors.map(\.json),
        negative.map(\.json) + negativeVectors.map(\.json),
        hasStrategy ? strategy.json : nil),
      "limit": JSON(limit),
      "group_by": .string(groupBy), "group_size": JSON(groupSize),
    ])
    if hasUsing { body["using"] = .string(using) }
    if hasScoreThreshold { body["score_threshold"] = .double(Double(scoreThreshold)) }
    if hasLookupFrom { body["lookup_from"] = lookupFrom.json }
    if hasWithLookup { body["with_lookup"] = withLookup.json }
    return body
  }
}

extension ProtoDiscoverPoints: AsksForPoints {
  /// As a query.
  var body: JSONObject {
    let pairs = JSON.array(context.map { .pair($0.positive.json, $0.negative.json) })
    let query: JSONObject =
      hasTarget
      ? ["discover": .object(["target": target.single.json, "context": pairs])] : ["context": pairs]
    var body = body([
      "query": .object(query),
      "limit": JSON(limit),
    ])
    if hasUsing { body["using"] = .string(using) }
    if hasOffset { body["offset"] = JSON(offset) }
    if hasLookupFrom { body["lookup_from"] = lookupFrom.json }
    return body
  }
}

extension ProtoScrollPoints {
  var body: JSONObject {
    var body: JSONObject = ["with_payload": withPayload.json, "with_vector": withVectors.json]
    if hasFilter { body["filter"] = filter.json }
    if hasOffset { body["offset"] = offset.json }
    if hasLimit { body["limit"] = JSON(limit) }
    if hasOrderBy { body["order_by"] = orderBy.json }
    return body
  }
}

extension ProtoSearchMatrixPoints {
  var body: JSONObject {
    var body = JSONObject()
    if hasFilter { body["filter"] = filter.json }
    if hasSample { body["sample"] = JSON(sample) }
    if hasLimit { body["limit"] = JSON(limit) }
    if hasUsing { body["using"] = .string(using) }
    return body
  }
}
