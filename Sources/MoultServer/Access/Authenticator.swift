internal import MoultEngine
internal import MoultModel

/// Finds out who a caller is by what came with the request: a token of the server, or a user's name and password.
struct Authenticator: Sendable {
  /// `nil` lets everyone do everything.
  let tokens: AccessTokens?
  let engine: Engine

  /// What can be said at once.
  enum Look: Equatable {
    case known(Caller)
    /// A password that has to be checked, which takes a good part of a second.
    case unchecked(user: String, password: String)
    case unknown
    /// Credentials that are known for what they are, and why they are no good.
    case refused(String)
  }

  /// Where nobody is asked who he is.
  static let everyone = Caller(access: .administer)

  func look(at credentials: [UInt8]) -> Look {
    guard let tokens else { return .known(Self.everyone) }
    if let access = tokens.access(of: credentials) { return .known(Caller(access: access)) }
    do throws(MoultError) {
      if let caller = try tokens.signed?.caller(of: credentials) { return .known(caller) }
    } catch { return .refused(error.message) }
    guard let (user, password) = Self.userAndPassword(credentials), !engine.accessList.users.isEmpty else {
      return .unknown
    }
    guard engine.isKnownPassword(password, of: user) == true else {
      return .unchecked(user: user, password: password)
    }
    return .known(caller(user))
  }

  /// - Returns: `nil` for a wrong password.
  /// - Throws: `overloaded` when many passwords wait to be checked.
  func check(user: String, password: String) async throws -> Caller? {
    try await engine.isPassword(password, of: user) ? caller(user) : nil
  }

  private func caller(_ user: String) -> Caller {
    Caller(access: engine.accessList.isAdministrator(user) ? .administer : nil, user: user)
  }

  private static func userAndPassword(_ credentials: [UInt8]) -> (String, String)? {
    guard let colon = credentials.firstIndex(of: UInt8(ascii: ":")), credentials.count <= 1024,
      let user = String(validating: credentials[..<colon], as: UTF8.self),
      let password = String(validating: credentials[(colon + 1)...], as: UTF8.self)
    else { return nil }
    return (user, password)
  }
}
