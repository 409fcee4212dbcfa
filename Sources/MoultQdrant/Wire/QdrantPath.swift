internal import MoultServer

/// Where something is in a payload, as Qdrant writes it: `a.b`, `a[].b`, `a[0]`, `"a.b"`.
struct QdrantPath: Hashable, Sendable {
  enum Step: Hashable, Sendable {
    case key(String)
    case index(Int)
    /// `[]`: every element.
    case each
  }

  var steps: [Step]

  /// - Returns: `nil` for a text that is no path.
  init?(_ text: String) {
    var steps: [Step] = []
    var rest = Substring(text)
    repeat {
      guard let key = Self.key(&rest) else { return nil }
      steps.append(.key(key))
      while rest.first == "[" {
        guard let end = rest.firstIndex(of: "]") else { return nil }
        let inside = rest[rest.index(after: rest.startIndex)..<end]
        if inside.isEmpty {
          steps.append(.each)
        } else {
          guard inside.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let index = Int(inside) else {
            return nil
          }
          steps.append(.index(index))
        }
        rest = rest[rest.index(after: end)...]
      }
      guard rest.first == "." else { break }
      rest = rest.dropFirst()
    } while true
    guard rest.isEmpty else { return nil }
    self.steps = steps
  }

  init(steps: [Step]) { self.steps = steps }

  private static func key(_ rest: inout Substring) -> String? {
    if rest.first == "\"" {
      let inside = rest.dropFirst()
      guard let end = inside.firstIndex(of: "\"") else { return nil }
      rest = inside[inside.index(after: end)...]
      return String(inside[..<end])
    }
    let end = rest.firstIndex { !($0.isLetter || $0.isNumber || $0 == "_" || $0 == "-") } ?? rest.endIndex
    guard end > rest.startIndex else { return nil }
    defer { rest = rest[end...] }
    return String(rest[..<end])
  }

  /// - Throws: 400 naming the text.
  static func read(_ text: String, at path: String) throws(QdrantError) -> QdrantPath {
    guard let read = QdrantPath(text) else {
      throw .format("\(path): Invalid json path: '\(text.prefix(200))'")
    }
    return read
  }
}
