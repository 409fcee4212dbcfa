import Crypto
import CryptoExtras
import Foundation
import MoultModel
import Synchronization

/// Makes and compares hashes of passwords, and remembers in memory which passwords were right.
///
/// A hash is slow on purpose (PBKDF2 with HMAC-SHA-512, RFC 8018), and one thread makes all of them: guessing
/// costs the guesser time and the others nothing. A password that was right once is known by a fast keyed hash
/// (HMAC-SHA-256) with a key of this process.
final class Passwords: Sendable {
  /// As OWASP's cheat sheet on storing passwords has it for SHA-512. Hashes keep the number that they were made with.
  static let rounds = 210_000
  private static let saltBytes = 16
  private static let hashBytes = 32
  private static let waitingMax = 100
  /// Of one user, and of all names that are no user's together: guesses at some keep nobody else out.
  private static let waitingPerUserMax = 8

  private struct State {
    /// By user, of the password that was right and the hash that it was right for.
    var known: [String: Data] = [:]
    /// By user; the empty name is of those who are none.
    var waiting: [String: Int] = [:]
  }

  private let state = Mutex(State())
  private let key = SymmetricKey(size: .bits256)
  private let pool = ComputePool(name: "passwords", threadCount: 1)

  func close() { pool.close() }

  func hash(_ password: String) async throws -> PasswordHash {
    let salt = (0..<Self.saltBytes).map { _ in UInt8.random(in: 0 ... .max) }
    let hash = try await derived(password, of: nil, salt: salt, rounds: Self.rounds)
    return PasswordHash(salt: salt, hash: hash.withUnsafeBytes { Array($0) }, rounds: Self.rounds)
  }

  /// Whether a password was found right before, and has been since.
  func isKnown(_ password: String, of user: String, _ hash: PasswordHash) -> Bool {
    guard let known = state.withLock({ $0.known[user] }) else { return false }
    return HMAC<SHA256>.isValidAuthenticationCode(
      known, authenticating: Self.text(password, user, hash), using: key)
  }

  /// - Parameter hash: `nil` for a user who is not there: finding that out takes as long.
  /// - Throws: `overloaded` when many others wait.
  func isRight(_ password: String, of user: String, _ hash: PasswordHash?) async throws -> Bool {
    let salt = hash?.salt ?? [UInt8](repeating: 0, count: Self.saltBytes)
    let derived = try await derived(
      password, of: hash == nil ? "" : user, salt: salt, rounds: hash?.rounds ?? Self.rounds)
    // Keys are compared in constant time.
    guard let hash, derived == SymmetricKey(data: hash.hash) else { return false }
    let code = Data(HMAC<SHA256>.authenticationCode(for: Self.text(password, user, hash), using: key))
    state.withLock { $0.known[user] = code }
    return true
  }

  func forget(_ user: String) { state.withLock { $0.known[user] = nil } }

  /// - Parameter user: who is asked for; `nil` for a password that is being set.
  private func derived(
    _ password: String, of user: String?, salt: [UInt8], rounds: Int
  ) async throws -> SymmetricKey {
    // Users' names are never empty: setting has a place of its own under a name that none can have.
    let name = user ?? "\0"
    let hasRoom = state.withLock { state in
      let most = user == nil ? Self.waitingMax : Self.waitingPerUserMax
      guard state.waiting.values.reduce(0, +) < Self.waitingMax, state.waiting[name, default: 0] < most else {
        return false
      }
      state.waiting[name, default: 0] += 1
      return true
    }
    guard hasRoom else {
      throw MoultError(
        .overloaded,
        "too many passwords are waiting to be checked, one after the other (\(Self.waitingPerUserMax) of a user, "
          + "\(Self.waitingMax) in all); try again later")
    }
    defer {
      state.withLock { state in
        let left = state.waiting[name, default: 1] - 1
        state.waiting[name] = left > 0 ? left : nil
      }
    }
    return try await pool.run {
      try KDF.Insecure.PBKDF2.deriveKey(
        from: Array(password.utf8), salt: salt, using: .sha512, outputByteCount: Self.hashBytes,
        unsafeUncheckedRounds: rounds)
    }
  }

  /// Each part ends where it cannot be taken for another: a hash has one length, and users no zeros.
  private static func text(_ password: String, _ user: String, _ hash: PasswordHash) -> Data {
    Data(hash.salt + hash.hash + Array(user.utf8) + [0] + Array(password.utf8))
  }
}
