internal import MoultModel
internal import NIOHTTP1

extension AdminClient {
  /// What a session lasts when nobody prolongs it: a command that is killed holds indexes up for no longer.
  private static let bulkSeconds = 60.0

  /// Runs `body` while indexes and merges of the collection wait.
  func inBulk(_ name: String, _ body: @Sendable () async throws -> Void) async throws {
    try await beginBulk(name)
    let prolonging = Task {
      while (try? await Task.sleep(for: .seconds(Self.bulkSeconds / 3))) != nil { try? await beginBulk(name) }
    }
    do {
      try await body()
    } catch {
      prolonging.cancel()
      await prolonging.value
      try? await endBulk(name)
      throw error
    }
    prolonging.cancel()
    await prolonging.value
    try await endBulk(name)
  }

  private func beginBulk(_ name: String) async throws {
    struct Body: Encodable { var seconds: Double }
    _ = try await send(.PUT, Self.path(name) + "/bulk", json: Body(seconds: Self.bulkSeconds))
  }

  private func endBulk(_ name: String) async throws {
    _ = try await send(.DELETE, Self.path(name) + "/bulk")
  }
}
