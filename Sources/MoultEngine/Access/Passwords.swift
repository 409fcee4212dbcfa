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

  private struct State {
    /// By user, of the password that was right and the hash that it was right for.
    var known: [String: Data] = [:]
    var waiting = 0
  }

  private let state = Mutex(State())
  private let key = SymmetricKey(size: .bits256)
  private let pool = ComputePool(name: "passwords", threadCount: 1)

  func close() { pool.close() }

  func hash(_ password: String) async throws -> PasswordHash {
    let salt = (0..<Self.saltBytes).map { _ in UInt8.random(in: 0 ... .max) }
    let hash = try await derived(password, salt: salt, rounds: Self.rounds)
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
    let derived = try await derived(password, salt: salt, rounds: hash?.rounds ?? Self.rounds)
    // Keys are compared in constant time.
    guard let hash, derived == SymmetricKey(data: hash.hash) else { return false }
    let code = Data(HMAC<SHA256>.authenticationCode(for: Self.text(password, user, hash), using: key))
    state.withLock { $0.known[user] = code }
    return true
  }

  func forget(_ user: String) { state.withLock { $0.known[user] = nil } }

  private func derived(_ password: String, salt: [UInt8], rounds: Int) async throws -> SymmetricKey {
    let hasRoom = state.withLock { state in
      guard state.waiting < Self.waitingMax else { return false }
      state.waiting += 1
      return true
    }
    guard hasRoom else {
      throw MoultError(
        .overloaded,
        "\(Self.waitingMax) passwords are waiting to be checked, one after the other; try again later")
    }
    defer { state.withLock { $0.waiting -= 1 } }
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
