package import MoultEngine
package import MoultModel

extension Engine {
  /// Reads from one collection to the end: schema and answer are of the same one, also while the alias `name` moves.
  ///
  /// - Parameter body: works with `info.name`, which is no alias. It is repeated when that collection was dropped
  ///   meanwhile and `name` stands for another one now.
  package func reading<Value>(
    _ name: String, _ body: (_ info: CollectionInfo) async throws -> Value
  ) async throws -> Value {
    while true {
      let info = try describeCollection(name)
      do {
        return try await body(info)
      } catch let error as MoultError where error.code == .collectionNotFound {
        if try describeCollection(name).id == info.id { throw error }
      }
    }
  }
}
