import CSQLitePages
import GRDB
import MoultModel

extension MoultError {
  /// A page or a frame of the log that does not fit its checksum.
  ///
  /// - Parameters:
  ///   - path: the damaged file.
  ///   - offset: the first byte of the page or the frame's header.
  ///   - owner: what the page belongs to, if that is known.
  static func damagedPage(_ path: String, at offset: Int, owner: String? = nil) -> MoultError {
    let isLog = path.hasSuffix("-wal")
    let number =
      isLog
      ? (offset - Int(MOULT_LOG_HEADER_SIZE)) / (Int(MOULT_LOG_FRAME_HEADER_SIZE) + DatabaseFile.pageSize)
      : offset / DatabaseFile.pageSize + 1
    return corruption(
      path, offset, "\(isLog ? "frame" : "page") \(number)\(owner.map { " (\($0))" } ?? "")",
      expected: "one that fits its checksum", got: "one that does not")
  }
}

/// Where the VFS met damage last, in a database or its log.
///
/// - Parameter path: of the database.
func lastDamage(of path: String) -> MoultError? {
  var name = [CChar](repeating: 0, count: 4_096)
  var offset: Int64 = 0
  guard moult_pages_last_damage(path, &name, name.count, &offset) else { return nil }
  let file = String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  return .damagedPage(file, at: Int(offset))
}

extension DatabaseError {
  /// Whether a page did not fit its checksum.
  var isDamage: Bool { extendedResultCode == .SQLITE_IOERR_DATA }
}
