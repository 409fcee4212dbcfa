internal import MoultServer
internal import QdrantProto
internal import SwiftProtobuf

// Answers, out of the JSON that REST gives for the same.

extension ProtoVectorOutput {
  init(_ json: JSON) {
    self.init()
    if let object = json.object {
      sparse.indices = object["indices"]?.numbers.map { UInt32($0) } ?? []
      sparse.values = object["values"]?.numbers.map { Float($0) } ?? []
    } else if let rows = json.array, rows.contains(where: { $0.array != nil || $0.isFloats }) {
      multiDense.vectors = rows.map { row in .with { $0.data = row.floatNumbers } }
    } else {
      dense.data = json.floatNumbers
    }
  }
}

extension JSON {
  fileprivate var isFloats: Bool { if case .floats = self { true } else { false } }

  fileprivate var floatNumbers: [Float] {
    if case .floats(let numbers) = self { numbers } else { array?.map { Float($0.double ?? 0) } ?? [] }
  }

  fileprivate var numbers: [Double] {
    if case .floats(let numbers) = self {
      numbers.map(Double.init)
    } else {
      array?.map { $0.double ?? 0 } ?? []
    }
  }
}

extension ProtoVectorsOutput {
  /// - Returns: `nil` where the answer has none.
  init?(_ json: JSON?) {
    guard let json, json != .null else { return nil }
    self.init()
    if let object = json.object {
      var named = ProtoNamedVectorsOutput()
      for member in object.members { named.vectors[member.key] = ProtoVectorOutput(member.value) }
      vectors = named
    } else {
      vector = ProtoVectorOutput(json)
    }
  }
}

extension ProtoOrderValue {
  init?(_ json: JSON?) {
    self.init()
    switch json {
    case .int(let number)?: int = number
    case .double(let number)?: float = number
    default: return nil
    }
  }
}

extension ProtoScoredPoint {
  init(_ json: JSON) {
    self.init()
    id = ProtoPointId(json["id"] ?? .null)
    payload = json["payload"]?.object?.values ?? [:]
    score = Float(json["score"]?.double ?? 0)
    version = UInt64(json["version"]?.int ?? 0)
    if let found = ProtoVectorsOutput(json["vector"]) { vectors = found }
    if let value = ProtoOrderValue(json["order_value"]) { orderValue = value }
  }
}

extension ProtoRetrievedPoint {
  init(_ json: JSON) {
    self.init()
    id = ProtoPointId(json["id"] ?? .null)
    payload = json["payload"]?.object?.values ?? [:]
    if let found = ProtoVectorsOutput(json["vector"]) { vectors = found }
    if let value = ProtoOrderValue(json["order_value"]) { orderValue = value }
  }
}

extension ProtoGroupsResult {
  init(_ json: JSON) {
    self.init()
    groups = (json["groups"]?.array ?? []).map { group in
      .with {
        switch group["id"] {
        case .int(let number)? where number < 0: $0.id.integerValue = number
        case .int(let number)?: $0.id.unsignedValue = UInt64(number)
        case .large(let number)?: $0.id.unsignedValue = number
        case let other: $0.id.stringValue = other?.string ?? ""
        }
        $0.hits = (group["hits"]?.array ?? []).map(ProtoScoredPoint.init)
        if let lookup = group["lookup"], lookup != .null { $0.lookup = ProtoRetrievedPoint(lookup) }
      }
    }
  }
}

extension ProtoUpdateResult {
  init(_ json: JSON) {
    self.init()
    if let number = json["operation_id"]?.int { operationID = UInt64(clamping: number) }
    switch json["status"]?.string {
    case "completed": status = .completed
    case "wait_timeout": status = .waitTimeout
    default: status = .acknowledged
    }
  }
}

extension ProtoFacetHit {
  init(_ json: JSON) {
    self.init()
    switch json["value"] {
    case .int(let number)?: value.integerValue = number
    case .bool(let bool)?: value.boolValue = bool
    case let other: value.stringValue = other?.string ?? ""
    }
    count = UInt64(json["count"]?.int ?? 0)
  }
}

extension ProtoSearchMatrixPairs {
  init(_ json: JSON) {
    self.init()
    pairs = (json["pairs"]?.array ?? []).map { pair in
      .with {
        $0.a = ProtoPointId(pair["a"] ?? .null)
        $0.b = ProtoPointId(pair["b"] ?? .null)
        $0.score = Float(pair["score"]?.double ?? 0)
      }
    }
  }
}

extension ProtoSearchMatrixOffsets {
  init(_ json: JSON) {
    self.init()
    offsetsRow = json["offsets_row"]?.numbers.map { UInt64($0) } ?? []
    offsetsCol = json["offsets_col"]?.numbers.map { UInt64($0) } ?? []
    scores = json["scores"]?.numbers.map { Float($0) } ?? []
    ids = (json["ids"]?.array ?? []).map(ProtoPointId.init)
  }
}
