/// Runs `body` to its end although the calling task is cancelled meanwhile: a change that was begun is not left in
/// the middle because nobody waits for it any more.
func uncancelled<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) async throws -> Value
{
  try await Task { try await body() }.value
}
