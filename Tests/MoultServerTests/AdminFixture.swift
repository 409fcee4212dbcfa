import MoultServer
import MoultServerTesting

extension ServerHarness {
  /// A collection of four points on a line of dimension 2, compared by squared distance.
  func makeLine(_ name: String = "line") async throws {
    _ = try await post("/moult/v1/collections", #"{"name":"\#(name)","dimension":2,"metric":"l2"}"#)
    _ = try await post(
      "/moult/v1/collections/\(name)/points",
      """
      {"points":[{"id":1,"vector":[0,0],"payload":{"word":"one","tags":["a", "b"]}},{"id":2,"vector":[1,0]},
      {"id":3,"vector":[2,0],"payload":{"n":1.50}},{"id":4,"vector":[3,0]}]}
      """)
  }

  /// A job when it has ended.
  func finished(_ id: Int64) async throws -> JSON {
    while true {
      let job = try await get("/moult/v1/jobs/\(id)?wait=20").json
      if ["completed", "failed", "cancelled"].contains(job["state"]?.string) { return job }
    }
  }
}

extension ServerHarness.Answer {
  /// `error.code` of a refusal.
  var errorCode: String? { try? json["error"]?["code"]?.string }
  var errorMessage: String { (try? json["error"]?["message"]?.string) ?? text }
}
