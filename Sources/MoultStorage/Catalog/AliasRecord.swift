/// Another name for a collection.
package struct AliasRecord: Sendable, Equatable {
  package let name: String
  package let collectionID: Int64
}
