internal import Hummingbird
internal import MoultModel
internal import MoultServer

/// The envelope of every answer: `{"code": 0, "data": …}` or `{"code": n, "message": "…"}`.
enum MilvusAnswer {
  /// - Parameters:
  ///   - cost: calls that read or write data carry one; here it is always 0.
  ///   - topks: how many hits each query of a search has.
  ///   - data: writes the value of `data`; `{}` without.
  static func success(
    cost: Bool = false, message: String? = nil, topks: [Int]? = nil, servedBy: ServedBy? = nil,
    data: (inout JSONWriter) -> Void = {
      $0.beginObject()
      $0.endObject()
    }
  ) -> Response {
    var json = JSONWriter()
    json.beginObject()
    json.member("code", 0)
    if cost { json.member("cost", 0) }
    json.key("data")
    data(&json)
    if let message { json.member("message", message) }
    if let topks {
      json.key("topks")
      json.beginArray()
      for count in topks { json.value(count) }
      json.endArray()
    }
    json.endObject()
    return .json(json, servedBy: servedBy)
  }

  static func failure(_ error: MilvusError) -> Response {
    var json = JSONWriter()
    json.beginObject()
    json.member("code", error.code)
    json.member("message", error.message)
    json.endObject()
    var response = Response.json(json, status: error.status)
    response.sayWhenToRetry()
    return response
  }
}

extension JSONWriter {
  mutating func value(strings: some Sequence<String>) {
    beginArray()
    for text in strings { value(text) }
    endArray()
  }

  /// - Parameter int64AsText: for clients whose numbers are doubles.
  mutating func value(_ id: PointID, int64AsText: Bool) {
    switch id {
    case .int64(let value) where int64AsText: self.value(String(value))
    case .int64(let value): self.value(value)
    case .string(let text): value(text)
    }
  }
}
