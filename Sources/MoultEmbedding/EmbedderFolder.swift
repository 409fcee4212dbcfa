internal import Foundation
internal import MoultModel

/// The folder that keys and files of vectors are in. Nothing outside of it is read.
struct EmbedderFolder: Sendable {
  /// `nil` where the server was given none.
  let path: String?

  static let keyBytesMax = 4_096

  /// The file's own path, links followed.
  ///
  /// - Parameter name: relative to the folder, or absolute.
  /// - Throws: `invalidArgument` for what is outside or not there.
  func resolve(_ name: String) throws(MoultError) -> String {
    guard let path else {
      throw MoultError(
        .invalidArgument,
        "'\(name.prefix(300))': this server reads no files for embedders; start it with --embedder-directory DIR"
      )
    }
    guard let folder = realpath(path, nil) else {
      throw MoultError(.unavailable, "the folder of --embedder-directory is not there: '\(path)'")
    }
    defer { free(folder) }
    let root = String(cString: folder)
    // Whether a file outside is there is nobody's business.
    let outside = MoultError(
      .invalidArgument, "file '\(name.prefix(300))' is not in the folder of --embedder-directory")
    let wanted = name.hasPrefix("/") ? name : "\(path)/\(name)"
    guard !name.utf8.contains(0), let file = realpath(wanted, nil) else { throw outside }
    defer { free(file) }
    let resolved = String(cString: file)
    guard resolved.hasPrefix(root == "/" ? root : root + "/") else { throw outside }
    return resolved
  }

  /// The key of an embedder, read anew each time, so that a new one needs no restart; `nil` for those without.
  ///
  /// - Throws: `invalidArgument` for a file or variable that holds none. Its text is in no error.
  func key(of embedder: Embedder) throws(MoultError) -> String? {
    if let name = embedder.keyVariable {
      // Others of the server's secrets are not to be had under the name of a key.
      guard name.hasSuffix("_API_KEY"), !name.hasPrefix("MOULT_"),
        name.utf8.allSatisfy({ (0x41...0x5A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5F })
      else {
        throw MoultError(
          .invalidArgument,
          "the variable of a key must be called …_API_KEY, in capital letters, digits and _, and is none of Moult's own "
            + "(MOULT_…); got '\(name.prefix(300))'")
      }
      guard let value = getenv(name) else {
        throw MoultError(
          .invalidArgument, "the server's environment has no variable '\(name.prefix(300))' for the key")
      }
      return try Self.checked(String(cString: value), "the variable '\(name)'")
    }
    guard let name = embedder.keyFile else { return nil }
    let path = try resolve(name)
    guard let file = FileHandle(forReadingAtPath: path) else {
      throw MoultError(.invalidArgument, "the file of the key, '\(name)', cannot be read")
    }
    defer { try? file.close() }
    let data = (try? file.read(upToCount: Self.keyBytesMax + 1)) ?? Data()
    return try Self.checked(String(decoding: data, as: UTF8.self), "the file '\(name)'")
  }

  private static func checked(_ text: String, _ place: String) throws(MoultError) -> String {
    let key = text.trimmingCharacters(in: .whitespacesAndNewlines)
    guard (1...keyBytesMax).contains(key.utf8.count), key.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
    else {
      throw MoultError(
        .invalidArgument,
        "\(place) should hold a key: one line of 1 … \(keyBytesMax) visible ASCII characters")
    }
    return key
  }
}
