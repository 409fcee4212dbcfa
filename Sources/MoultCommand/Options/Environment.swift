internal import Foundation

/// Variables of the environment that stand for options; an empty one counts as not set.
enum Environment {
  static var url: String? { value("MOULT_URL") }
  static var token: String? { value("MOULT_TOKEN") }

  private static func value(_ name: String) -> String? {
    guard let value = ProcessInfo.processInfo.environment[name], !value.isEmpty else { return nil }
    return value
  }
}
