internal import Foundation

/// Which jobs a worker takes.
package enum JobKinds: Sendable, Hashable {
  case only(Set<String>)
  case except(Set<String>)

  /// The names, as a JSON array.
  var list: String {
    let names: Set<String> =
      switch self {
      case .only(let names), .except(let names): names
      }
    let data = (try? JSONEncoder().encode(names.sorted())) ?? Data("[]".utf8)
    return String(decoding: data, as: UTF8.self)
  }

  /// Whether the listed ones are taken, or all others.
  var isOnly: Bool { if case .only = self { true } else { false } }
}
