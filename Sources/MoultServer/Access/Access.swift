/// What a caller may do, and what a route or procedure does: each declares it where it is added.
package enum Access: Int, Comparable, Sendable {
  /// Changes nothing that another caller could see.
  case read
  /// Changes collections, points, aliases or jobs.
  case write

  package static func < (left: Access, right: Access) -> Bool { left.rawValue < right.rawValue }
}

/// The caller of the request under way.
enum Caller {
  /// What the token that came with the request allows; `nil` where nobody has looked at it: then nothing is allowed.
  @TaskLocal static var access: Access?
}
