internal import ArgumentParser

/// How a command writes its data.
struct OutputOptions: ParsableArguments {
  @Flag(help: "Write data as JSON on stdout.")
  var json = false

  /// Writes `value` as JSON, or what `text` makes of it for people.
  func put<Value: Encodable>(_ value: Value, text: (Value) -> String) throws {
    if json {
      try Console.putJSON(value)
    } else {
      Console.put(text(value))
    }
  }
}
