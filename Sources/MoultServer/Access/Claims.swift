package import MoultModel

/// What a signed token says of its holder beyond whether he reads or writes: for the protocol whose token it is.
package struct Claims: Sendable, Equatable {
  /// What may be done with one collection; each of them includes those before it.
  package enum Grant: Int, Comparable, Sendable {
    case read
    /// Points, their vectors and payloads.
    case writePoints
    /// Also indexes, names of vectors and snapshots.
    case write

    package static func < (left: Grant, right: Grant) -> Bool { left.rawValue < right.rawValue }
  }

  /// The token is good only while a collection has a point with all of these values in its payload.
  package struct Condition: Sendable, Equatable {
    package struct Match: Sendable, Equatable {
      package var key: String
      package var value: JSON

      package init(key: String, value: JSON) {
        self.key = key
        self.value = value
      }
    }

    package var collection: String
    package var matches: [Match]

    package init(collection: String, matches: [Match]) {
      self.collection = collection
      self.matches = matches
    }
  }

  /// By the name that requests must call a collection by, which may be an alias; `nil` grants what the caller's access
  /// says for all of them.
  package var collections: [String: Grant]?
  package var condition: Condition?

  package init(collections: [String: Grant]? = nil, condition: Condition? = nil) {
    self.collections = collections
    self.condition = condition
  }
}

/// Reads credentials that say themselves what they allow, signed by whoever may say so.
package protocol SignedCredentials: Sendable {
  /// - Returns: `nil` for what is no such credentials, or is signed by nobody who is known.
  /// - Throws: `unauthenticated`, telling the holder why credentials that are signed as they should be are no good.
  func caller(of credentials: [UInt8]) throws(MoultError) -> Caller?
}
