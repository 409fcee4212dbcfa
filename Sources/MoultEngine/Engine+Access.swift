import GRDB
package import MoultModel
import MoultStorage
import Synchronization

/// Users and roles, as they are, and the passwords that were found right.
final class AccessTable: Sendable {
  let list: Mutex<AccessList>
  let passwords = Passwords()
  /// Held while the list is changed.
  let gate = SerialGate()

  init(_ list: AccessList) { self.list = Mutex(list) }
}

// Who may use the server beside the holders of its tokens.
extension Engine {
  package var accessList: AccessList { access.list.withLock { $0 } }

  /// Changes users and roles; durable and in force when it returns.
  ///
  /// - Throws: what `change` throws; nothing has changed then.
  @discardableResult
  package func changeAccess<Value: Sendable>(
    _ change: @Sendable (inout AccessList) throws -> Value
  ) async throws -> Value {
    try await access.gate.run { [access, resources] in
      let before = access.list.withLock { $0 }
      var list = before
      let value = try change(&list)
      guard list != before else { return value }
      try await resources.directory.write { [list] db in
        try resources.directory.catalog.setAccessList(list, in: db)
      }
      access.list.withLock { [list] in $0 = list }
      for (name, user) in before.users where list.users[name]?.password != user.password {
        access.passwords.forget(name)
      }
      return value
    }
  }

  /// What is kept of a password; takes a good part of a second.
  ///
  /// - Throws: `overloaded`.
  package func hash(ofPassword password: String) async throws -> PasswordHash {
    try await access.passwords.hash(password)
  }

  /// Whether this is the user's password, as far as that is known at once: `nil` takes ``isPassword(_:of:)``.
  package func isKnownPassword(_ password: String, of user: String) -> Bool? {
    guard let hash = access.list.withLock({ $0.users[user]?.password }) else { return nil }
    return access.passwords.isKnown(password, of: user, hash) ? true : nil
  }

  /// Whether this is the user's password; takes a good part of a second where it is not known yet.
  ///
  /// - Throws: `overloaded`.
  package func isPassword(_ password: String, of user: String) async throws -> Bool {
    if isKnownPassword(password, of: user) == true { return true }
    let hash = access.list.withLock { $0.users[user]?.password }
    guard try await access.passwords.isRight(password, of: user, hash) else { return false }
    // It may have changed meanwhile.
    return access.list.withLock { $0.users[user]?.password } == hash
  }
}
