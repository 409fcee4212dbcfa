internal import ArgumentParser
internal import MoultBenchmark
internal import MoultModel

/// Values with commas between them, as in `--ef 16,32,64`.
struct CommaList<Element: LosslessStringConvertible & Sendable>: ExpressibleByArgument, Sendable {
  let values: [Element]

  init(_ values: [Element]) {
    self.values = values
  }

  init?(argument: String) {
    let parts = argument.split(separator: ",", omittingEmptySubsequences: false)
    let values = parts.compactMap { Element(String($0)) }
    guard values.count == parts.count, !values.isEmpty else { return nil }
    self.values = values
  }

  var defaultValueDescription: String { values.map(\.description).joined(separator: ",") }
}

extension CodeName: ExpressibleByArgument {
  public init?(argument: String) { self.init(argument) }
}
