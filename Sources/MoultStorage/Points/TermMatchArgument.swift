import GRDB
import MoultModel

/// Terms that an argument of a statement stands for.
final class TermMatchArgument: DatabaseValueConvertible {
  static let sqlName = "moult_has_terms"

  private let match: TermMatch
  /// Its place among those of a statement, given before the statement is run.
  private var number = 0

  init(_ match: TermMatch) { self.match = match }

  var databaseValue: DatabaseValue { number.databaseValue }
  static func fromDatabaseValue(_ value: DatabaseValue) -> Self? { nil }

  /// What says whether the terms of a number stand in a text; `nil` where no argument asks for any.
  static func function(for arguments: SQLArguments) -> DatabaseFunction? {
    let found = arguments.compactMap { $0 as? TermMatchArgument }
    guard !found.isEmpty else { return nil }
    for (number, argument) in found.enumerated() { argument.number = number }
    let matches = found.map(\.match)
    return DatabaseFunction(sqlName, argumentCount: 2, pure: true) { [matches] values in
      guard let number = Int.fromDatabaseValue(values[0]), let text = String.fromDatabaseValue(values[1])
      else { return false }
      return matches[number].holds(in: text)
    }
  }
}
