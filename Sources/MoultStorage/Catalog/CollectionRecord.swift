package import MoultModel

/// A collection as the catalog knows it.
package struct CollectionRecord: Sendable, Equatable {
  package enum State: String, Sendable {
    case live
    /// The target of a reindex that is still at work.
    case building
  }

  package let id: Int64
  /// Of one vector field beside the first: the collection's own name, a colon and the field's name.
  package var name: String
  /// The collection that this is a vector field of; its points are this one's. See ``CollectionRecord/points``.
  package var parentID: Int64?
  package var schema: CollectionSchema
  package var state: State
  /// The row number that the next point gets; row numbers rise for ever.
  package var nextRow: Int64
  /// The number that the next committed batch gets, from 1.
  package var nextSequence: Int64
  /// The key that the next point gets where the collection gives out keys; never given twice.
  package var nextKey: Int64
  package var currentGeneration: Int64
  /// What a rollback goes back to.
  package var previousGeneration: Int64?
  /// Milliseconds since 1970.
  package var createdAt: Int64

  /// The points that the rows belong to. All vector fields of a collection share one table, row numbers and
  /// sequences; each has segments and generations of its own.
  package var points: PointStore { PointStore(collectionID: parentID ?? id, keyKind: schema.keyKind) }
}
