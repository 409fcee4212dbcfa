internal import Foundation
internal import MoultServer
internal import QdrantProto

// Points and what they are made of, as the JSON that REST takes for the same.

extension ProtoValue {
  var json: JSON {
    switch kind {
    case .doubleValue(let number): number.isFinite ? .double(number) : .null
    case .integerValue(let number): .int(number)
    case .stringValue(let text): .string(text)
    case .boolValue(let bool): .bool(bool)
    case .structValue(let object): .object(JSONObject(values: object.fields))
    case .listValue(let list): .array(list.values.map(\.json))
    case .nullValue, nil: .null
    }
  }

  init(_ json: JSON) {
    self.init()
    switch json {
    case .null: nullValue = .nullValue
    case .bool(let bool): boolValue = bool
    case .int(let number): integerValue = number
    case .large(let number): doubleValue = Double(number)
    case .double(let number): doubleValue = number
    case .string(let text): stringValue = text
    case .array(let values): listValue.values = values.map(ProtoValue.init)
    case .floats(let numbers): listValue.values = numbers.map { ProtoValue(.double(Double($0))) }
    case .object(let object): structValue.fields = object.values
    }
  }
}

extension JSONObject {
  /// Maps have no order; the names' own makes equal messages equal texts.
  init(values: [String: ProtoValue]) {
    self.init(values.sorted { $0.key < $1.key }.map { Member(key: $0.key, value: $0.value.json) })
  }

  init<Message>(_ map: [String: Message], _ json: (Message) -> JSON) {
    self.init(map.sorted { $0.key < $1.key }.map { Member(key: $0.key, value: json($0.value)) })
  }

  var values: [String: ProtoValue] {
    Dictionary(members.map { ($0.key, ProtoValue($0.value)) }) { $1 }
  }
}

extension JSON {
  /// An integer of any size.
  init(_ number: some BinaryInteger) {
    self =
      Int64(exactly: number).map(JSON.int) ?? UInt64(exactly: number).map(JSON.large)
      ?? .double(Double(number))
  }

  init(numbers: [Float]) { self = numbers.isEmpty ? .array([]) : .floats(numbers) }
}

extension ProtoPointId {
  /// `null` where there is none, which no reader of ids takes.
  var json: JSON {
    switch pointIDOptions {
    case .num(let number): JSON(number)
    case .uuid(let text): .string(text)
    case nil: .null
    }
  }

  init(_ json: JSON) {
    self.init()
    switch json {
    case .int(let number): num = UInt64(clamping: number)
    case .large(let number): num = number
    default: uuid = json.string ?? ""
    }
  }
}

extension ProtoSparseVector {
  var json: JSON { JSON.sparse(indices: indices, values: values) }
}

extension JSON {
  static func sparse(indices: [UInt32], values: [Float]) -> JSON {
    .object(["indices": .array(indices.map { .int(Int64($0)) }), "values": JSON(numbers: values)])
  }
}

extension ProtoMultiDenseVector {
  var json: JSON { .array(vectors.map { JSON(numbers: $0.data) }) }
}

extension ProtoDocument {
  var json: JSON {
    var object: JSONObject = ["text": .string(text), "model": .string(model)]
    if !options.isEmpty { object["options"] = .object(JSONObject(values: options)) }
    return .object(object)
  }
}

extension ProtoVector {
  var json: JSON {
    switch vector {
    case .dense(let dense): JSON(numbers: dense.data)
    case .sparse(let sparse): sparse.json
    case .multiDense(let multi): multi.json
    case .document(let document): document.json
    case nil: hasIndices ? .sparse(indices: indices.data, values: data) : flat
    }
  }

  /// The form of older clients: the rows of a multivector stand behind each other.
  private var flat: JSON {
    guard vectorsCount > 1, data.count.isMultiple(of: Int(vectorsCount)) else { return JSON(numbers: data) }
    let width = data.count / Int(vectorsCount)
    return .array(
      stride(from: 0, to: data.count, by: max(1, width)).map { JSON(numbers: Array(data[$0..<$0 + width])) })
  }
}

extension ProtoVectors {
  var json: JSON {
    switch vectorsOptions {
    case .vector(let vector): vector.json
    case .vectors(let named): .object(JSONObject(named.vectors, \.json))
    case nil: .object([:])
    }
  }
}

extension ProtoPointStruct {
  var json: JSON {
    var object: JSONObject = ["id": id.json, "vector": vectors.json]
    if !payload.isEmpty { object["payload"] = .object(JSONObject(values: payload)) }
    return .object(object)
  }
}

extension ProtoPointVectors {
  var json: JSON { .object(["id": id.json, "vector": vectors.json]) }
}

extension ProtoPointsSelector {
  /// The members of a body that say which points: `points` or `filter`.
  func select(in body: inout JSONObject) {
    switch pointsSelectorOneOf {
    case .points(let list): body["points"] = .array(list.ids.map(\.json))
    case .filter(let filter): body["filter"] = filter.json
    case nil: break
    }
  }
}

extension ProtoWithPayloadSelector {
  var json: JSON {
    switch selectorOptions {
    case .enable(let isWanted): .bool(isWanted)
    case .include(let selector): .object(["include": .array(selector.fields.map(JSON.string))])
    case .exclude(let selector): .object(["exclude": .array(selector.fields.map(JSON.string))])
    case nil: .bool(false)
    }
  }
}

extension ProtoWithVectorsSelector {
  var json: JSON {
    switch selectorOptions {
    case .enable(let isWanted): .bool(isWanted)
    case .include(let selector): .array(selector.names.map(JSON.string))
    case nil: .bool(false)
    }
  }
}
