internal import MoultModel
internal import MoultServer

/// Which of a point's payload is wanted: `true`, `false`, a list of paths, `{"include": […]}` or `{"exclude": […]}`.
enum WithPayload: Sendable {
  case none
  case all
  case include(PayloadTree)
  case exclude(PayloadTree)

  /// - Parameter json: `nil` (and `null`) takes the default.
  init(_ json: JSON?, default standard: Bool, at path: String = "with_payload") throws(QdrantError) {
    switch json {
    case nil, .null?: self = standard ? .all : .none
    case .bool(let isWanted)?: self = isWanted ? .all : .none
    case .array(let names)?: self = .include(try PayloadTree(names, at: path))
    case .object(let object)?:
      let wrong = QdrantError.format("\(path): expected either `include` or `exclude`")
      guard object.members.count == 1, let member = object.members.first else { throw wrong }
      guard case .array(let names) = member.value else { throw wrong }
      switch member.key {
      case "include": self = .include(try PayloadTree(names, at: "\(path).include"))
      case "exclude": self = .exclude(try PayloadTree(names, at: "\(path).exclude"))
      default: throw wrong
      }
    case let other?:
      throw .format("\(path): expected a boolean, a list of keys or a selector, got \(other.kind)")
    }
  }

  var isWanted: Bool {
    if case .none = self { false } else { true }
  }

  /// Writes what is wanted of a stored payload; nothing for ``none``.
  ///
  /// - Parameters:
  ///   - text: the payload as it is stored; `nil` or empty for none.
  ///   - hidden: whether it may hold members that are not the user's.
  func write(_ text: String?, mayHideMembers hidden: Bool, to json: inout JSONWriter) throws {
    guard isWanted else { return }
    json.key("payload")
    guard let text, !text.isEmpty else { return json.raw("{}") }
    if case .all = self, !hidden { return json.raw(text) }
    var object = try StoredPayload(text).object
    object = JSONObject(object.members.filter { !StoredPayload.isHidden($0.key) })
    switch self {
    case .none, .all: json.value(.object(object))
    case .include(let tree): json.value(.object(tree.included(of: object)))
    case .exclude(let tree): json.value(.object(tree.excluded(from: object)))
    }
  }
}

/// Paths of a selector as a tree, in which a leaf stands for everything below it.
struct PayloadTree: Sendable {
  private var children: [QdrantPath.Step: PayloadTree] = [:]
  private var isLeaf = false

  init(_ names: [JSON], at path: String) throws(QdrantError) {
    for (index, name) in names.enumerated() {
      guard case .string(let text) = name else {
        throw .format("\(path)[\(index)]: expected a payload key, got \(name.kind)")
      }
      add(try QdrantPath.read(text, at: "\(path)[\(index)]").steps[...])
    }
  }

  private init() {}

  private mutating func add(_ steps: ArraySlice<QdrantPath.Step>) {
    guard let step = steps.first else {
      isLeaf = true
      return
    }
    children[step, default: PayloadTree()].add(steps.dropFirst())
  }

  func included(of object: JSONObject) -> JSONObject {
    JSONObject(
      object.members.compactMap { member in
        children[.key(member.key)].map {
          JSONObject.Member(key: member.key, value: $0.included(of: member.value))
        }
      })
  }

  private func included(of value: JSON) -> JSON {
    if isLeaf { return value }
    switch value {
    case .object(let object): return .object(included(of: object))
    // Only `[]` is about elements, as in Qdrant.
    case .array(let values): return .array(children[.each].map { tree in values.map(tree.included) } ?? [])
    default: return value
    }
  }

  func excluded(from object: JSONObject) -> JSONObject {
    JSONObject(
      object.members.compactMap { member in
        guard let tree = children[.key(member.key)] else { return member }
        return tree.isLeaf
          ? nil : JSONObject.Member(key: member.key, value: tree.excluded(from: member.value))
      })
  }

  private func excluded(from value: JSON) -> JSON {
    switch value {
    case .object(let object): return .object(excluded(from: object))
    case .array(let values):
      guard let tree = children[.each] else { return value }
      return .array(tree.isLeaf ? [] : values.map(tree.excluded))
    default: return value
    }
  }
}
