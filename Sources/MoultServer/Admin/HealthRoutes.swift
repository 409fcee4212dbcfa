internal import Hummingbird

/// Says that the process answers; open to everyone.
struct HealthRoutes: Sendable {
  static let path = "/healthz"

  let version: String

  func add(to router: Router<BasicRequestContext>) {
    router.get(RouterPath(Self.path)) { _, _ in
      var json = JSONWriter()
      json.beginObject()
      json.member("status", "ok")
      json.member("version", version)
      json.endObject()
      return Response.json(json)
    }
  }
}
