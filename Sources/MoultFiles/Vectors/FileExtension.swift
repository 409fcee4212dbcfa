import MoultModel

/// What follows the last dot of a file's name, in lower case.
struct FileExtension {
  let path: String
  let name: String

  init(_ path: String) {
    self.path = path
    let file = path.split(separator: "/", omittingEmptySubsequences: true).last ?? ""
    name = file.lastIndex(of: ".").map { file[file.index(after: $0)...].lowercased() } ?? ""
  }

  /// Lets a `switch` name extensions.
  static func ~= (name: String, fileExtension: FileExtension) -> Bool { fileExtension.name == name }

  func unsupported(expected: String) -> MoultError {
    MoultError(
      .unsupported,
      "'\(path)': expected \(expected), found \(name.isEmpty ? "a name without extension" : "'.\(name)'")")
  }
}
