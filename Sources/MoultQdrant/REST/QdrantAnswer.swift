internal import HTTPTypes
internal import Hummingbird
internal import MoultServer

/// The envelope of Qdrant's answers: `{"result": …, "status": "ok", "time": seconds}`, or a failure under `status`.
enum QdrantAnswer {
  /// - Parameter more: members beside `result`.
  static func success(
    since start: ContinuousClock.Instant, more: (inout JSONWriter) -> Void = { _ in },
    _ write: (inout JSONWriter) throws -> Void
  ) rethrows -> Response {
    var json = JSONWriter()
    json.beginObject()
    json.key("result")
    try write(&json)
    more(&json)
    json.member("status", "ok")
    finish(&json, start)
    return .json(json)
  }

  static func failure(_ error: QdrantError, since start: ContinuousClock.Instant) -> Response {
    var json = JSONWriter()
    json.beginObject()
    json.key("status")
    json.beginObject()
    json.member("error", error.message)
    json.endObject()
    finish(&json, start)
    var response = Response.json(json, status: error.status)
    response.sayWhenToRetry()
    return response
  }

  private static func finish(_ json: inout JSONWriter, _ start: ContinuousClock.Instant) {
    json.member("time", (ContinuousClock.now - start) / .seconds(1))
    json.endObject()
  }
}
