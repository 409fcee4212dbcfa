internal import MoultModel
internal import MoultServer

/// Which of a point's vectors are wanted: `true`, `false` or a list of names.
enum WithVector: Sendable, Equatable {
  case none
  case all
  case named(Set<String>)

  init(_ json: JSON?, at path: String = "with_vector") throws(QdrantError) {
    switch json {
    case nil, .null?, .bool(false)?: self = .none
    case .bool(true)?: self = .all
    case .array(let names)?:
      var set: Set<String> = []
      for (index, name) in names.enumerated() {
        guard case .string(let text) = name else {
          throw .format("\(path)[\(index)]: expected a vector name, got \(name.kind)")
        }
        set.insert(text)
      }
      self = .named(set)
    case let other?: throw .format("\(path): expected a boolean or a list of vector names, got \(other.kind)")
    }
  }

  var isWanted: Bool { self != .none }

  func includes(_ name: String) -> Bool {
    switch self {
    case .none: false
    case .all: true
    case .named(let names): names.contains(name)
    }
  }
}
