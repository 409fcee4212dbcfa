/// One step of a change of aliases. A batch of steps is one change: all of it happens, in one instant, or nothing does.
///
/// Each step sees what the steps before it did. A `collection` may be named by an alias: its target is taken.
public enum AliasAction: Sendable, Equatable {
  /// Makes an alias; one that points there already is fine, unless it must be absent.
  case create(String, collection: String, ifAbsent: Bool = false)
  /// Points an alias elsewhere.
  case alter(String, collection: String, ifCurrent: String? = nil)
  /// Makes an alias, or points it elsewhere.
  case set(String, collection: String)
  case drop(String, ifCurrent: String? = nil, ifExists: Bool = false)
  /// Gives an alias another name, which no alias may have.
  case rename(String, to: String, ifCurrent: String? = nil)
  /// Two aliases exchange their targets.
  case swap(String, with: String)

  /// Steps of one batch.
  public static let batchRange = 1...1_000

  /// As a command line writes it.
  public var summary: String {
    switch self {
    case .create(let alias, let collection, _): "create \(alias)=\(collection)"
    case .alter(let alias, let collection, _): "alter \(alias)=\(collection)"
    case .set(let alias, let collection): "set \(alias)=\(collection)"
    case .drop(let alias, _, _): "drop \(alias)"
    case .rename(let alias, let name, _): "rename \(alias)=\(name)"
    case .swap(let alias, let other): "swap \(alias)=\(other)"
    }
  }
}

/// What became of an alias: the collection it stood for, and the one it stands for.
public struct AliasChange: Sendable, Codable, Equatable {
  public var alias: String
  /// Absent when the alias was not there.
  public var before: String?
  /// Absent when the alias is gone.
  public var after: String?

  public init(alias: String, before: String? = nil, after: String? = nil) {
    self.alias = alias
    self.before = before
    self.after = after
  }
}
