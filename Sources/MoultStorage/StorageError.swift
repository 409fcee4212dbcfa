package import GRDB
import Glibc
package import MoultModel

extension MoultError {
  /// What SQLite reported, in Moult's words: a full disk, a damaged file, a collection dropped under a
  /// reader; anything else is `internalError`.
  ///
  /// - Parameter path: the database file.
  package init(_ error: DatabaseError, path: String) {
    let text = error.message ?? "SQLite error \(error.resultCode.rawValue)"
    if error.isDamage, let damage = lastDamage(of: path) {
      self = damage
      return
    }
    switch error.resultCode {
    case .SQLITE_FULL:
      self.init(.diskFull, "the disk is full: \(path) could not grow; nothing was changed")
    case .SQLITE_CORRUPT, .SQLITE_NOTADB,
      .SQLITE_IOERR where error.isDamage:
      self.init(.corrupted, "\(path) is not a sound SQLite database: \(text)")
    case .SQLITE_ERROR where text.hasPrefix("no such table: points_"):
      self.init(.collectionNotFound, "the collection was dropped meanwhile (\(text))")
    default:
      self.init(
        .internalError, "\(path): \(text) (SQLite \(error.extendedResultCode.rawValue))")
    }
  }

  /// `error` itself, or its translation when it comes from SQLite.
  package static func translating(_ error: any Error, path: String) -> any Error {
    guard let error = error as? DatabaseError else { return error }
    return MoultError(error, path: path)
  }

  /// A system call's failure: `diskFull` for a full disk or quota, otherwise `internalError`.
  ///
  /// - Parameters:
  ///   - code: the value of `errno`.
  ///   - action: an infinitive, such as "write to".
  package static func system(_ code: Int32, _ action: String, _ path: String) -> MoultError {
    let text = errorText(code)
    return switch code {
    case ENOSPC, EDQUOT: MoultError(.diskFull, "the disk is full: cannot \(action) \(path) (\(text))")
    default: MoultError(.internalError, "cannot \(action) \(path): \(text)")
    }
  }
}

private func errorText(_ code: Int32) -> String {
  var buffer = [CChar](repeating: 0, count: 256)
  guard strerror_r(code, &buffer, buffer.count) == 0 else { return "errno \(code)" }
  let text = String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  return "\(text), errno \(code)"
}
