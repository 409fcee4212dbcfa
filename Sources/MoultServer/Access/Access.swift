/// What a caller may do, and what a route or procedure does: each declares it where it is added.
package enum Access: Int, Comparable, Sendable {
  /// Changes nothing that another caller could see.
  case read
  /// Changes collections, points, aliases or jobs.
  case write
  /// Changes who may do what.
  case administer

  package static func < (left: Access, right: Access) -> Bool { left.rawValue < right.rawValue }
}

/// Who sends the request under way.
package struct Caller: Sendable, Equatable {
  /// What the caller may do without being looked at closer; `nil` for nothing.
  package var access: Access?
  /// A user whom somebody has made; `nil` for holders of the server's tokens, and where everyone is served.
  package var user: String?
  /// What else a signed token says; `nil` for other credentials.
  package var claims: Claims?

  package init(access: Access? = nil, user: String? = nil, claims: Claims? = nil) {
    self.access = access
    self.user = user
    self.claims = claims
  }

  /// `nil` where nobody has looked: then nothing is allowed.
  @TaskLocal package static var current: Caller?

  /// Whether a route or procedure may be begun.
  ///
  /// - Parameter checksUsers: whether it looks at the privileges of users itself.
  func may(_ access: Access, checksUsers: Bool) -> Bool {
    if checksUsers && user != nil { return true }
    guard let granted = self.access else { return false }
    return granted >= access
  }

  /// Why it may not.
  ///
  /// - Parameter what: the route or procedure.
  func refusal(_ what: String) -> String {
    guard let user else {
      return access == .read
        ? "the token of this request only allows reading, and \(what) changes something; send the read-write token"
        : "the token of this request does not allow \(what)"
    }
    return "user '\(user)' has not the role admin, which \(what) is for"
  }
}
