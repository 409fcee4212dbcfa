internal import Hummingbird
internal import MoultEngine

extension AdminAPI {
  func addHistoryRoutes(to group: GuardedRoutes) {
    group.on(.get, "history", .read) { request, _ in
      let parameters = try QueryParameters(request, known: ["name", "before", "limit"])
      return try Self.answer([
        "history": try engine.history(
          of: parameters.string("name"), before: try parameters.int("before").map { Int64($0) },
          limit: try parameters.int("limit", in: 1...10_000) ?? 100)
      ])
    }
  }
}
