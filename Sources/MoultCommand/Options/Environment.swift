internal import Foundation
internal import MoultModel

/// Variables of the environment that stand for options; an empty one counts as not set.
enum Environment {
  static var url: String? { value("MOULT_URL") }
  static var token: String? { value("MOULT_TOKEN") }
  static var readOnlyToken: String? { value("MOULT_READ_ONLY_TOKEN") }

  static var apiKey: String? { value("MOULT_API_KEY") }
  static var readOnlyAPIKey: String? { value("MOULT_READ_ONLY_API_KEY") }

  static var device: String? { value(DeviceChoice.variable) }

  static var caCertificate: String? { value("MOULT_CA_CERTIFICATE") }

  /// Who the history says it was; other characters than printable ASCII do not go into a header.
  static var requester: String? {
    guard let name = value("MOULT_REQUESTER") ?? value("USER") else { return nil }
    return String(name.filter { $0.isASCII && $0 >= " " && $0 != "\u{7f}" }.prefix(200))
  }

  private static func value(_ name: String) -> String? {
    guard let value = ProcessInfo.processInfo.environment[name], !value.isEmpty else { return nil }
    return value
  }
}
