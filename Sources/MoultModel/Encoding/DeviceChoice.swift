/// Where batch work may run: what MOULT_DEVICE says.
public enum DeviceChoice: String, Sendable, CaseIterable {
  /// On the CPU; no device is looked for.
  case cpu
  /// On the device, whatever it can do.
  case cuda
  /// On the device where there is one and it is predicted to be done sooner there.
  case auto

  public static let variable = "MOULT_DEVICE"

  /// - Parameter text: of the environment; nothing stands for `auto`.
  /// - Throws: `invalidArgument`.
  public init(variable text: String?) throws(MoultError) {
    guard let text, !text.isEmpty else {
      self = .auto
      return
    }
    guard let choice = DeviceChoice(rawValue: text) else {
      let known = Self.allCases.map(\.rawValue).joined(separator: ", ")
      throw MoultError(
        .invalidArgument,
        "\(Self.variable) must be one of \(known), and is '\(text)'; without it, auto is meant")
    }
    self = choice
  }
}
