internal import MoultModel

/// Where something is in a payload, as Qdrant writes it: `a.b`, `a[].b`, `a[0]`, `"a.b"`.
struct QdrantPath: Hashable, Sendable {
  enum Step: Hashable, Sendable {
    case key(String)
    case index(Int)
    /// `[]`: every element.
    case each
  }

  var steps: [Step]

  /// Steps at most, as in the engine's paths: what follows a path calls itself once a step.
  static let stepCountMax = ValuePath.stepCountMax

  /// - Returns: `nil` for a text that is no path, and for one of too many steps.
  init?(_ text: String) {
    guard let steps = Self.steps(of: text), steps.count <= Self.stepCountMax else { return nil }
    self.steps = steps
  }

  init(steps: [Step]) { self.steps = steps }

  /// - Returns: `nil` for a text that is no path; one step too many, and none after it, where there are too many.
  private static func steps(of text: String) -> [Step]? {
    var steps: [Step] = []
    var rest = Substring(text)
    repeat {
      guard let key = Self.key(&rest) else { return nil }
      steps.append(.key(key))
      while rest.first == "[" {
        guard steps.count <= stepCountMax else { return steps }
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
      guard steps.count <= stepCountMax else { return steps }
      guard rest.first == "." else { break }
      rest = rest.dropFirst()
    } while true
    return rest.isEmpty ? steps : nil
  }

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

  /// - Throws: 400 naming the text; also for too many steps, and for a member that holds a sparse vector.
  static func read(_ text: String, at path: String) throws(QdrantError) -> QdrantPath {
    guard let steps = Self.steps(of: text) else {
      throw .format("\(path): Invalid json path: '\(text.prefix(200))'")
    }
    guard steps.count <= stepCountMax else {
      throw .format(
        "\(path): expected a json path of at most \(stepCountMax) steps, got '\(text.prefix(200))'")
    }
    // Such members are not the user's: whoever could reach them could read, change or take out vectors.
    if case .key(let key)? = steps.first, StoredPayload.isHidden(key) {
      throw .wrongInput(
        "\(path): payload keys that begin with `\(StoredPayload.hiddenPrefix)` are kept for sparse vectors; "
          + "got `\(key.prefix(100))`")
    }
    return QdrantPath(steps: steps)
  }
}
