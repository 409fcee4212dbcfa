/// An alias and the collection it points to.
struct AliasEntry: Codable, Sendable, Equatable {
  var alias: String
  var collection: String
}
