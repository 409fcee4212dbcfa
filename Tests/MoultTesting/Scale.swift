import Foundation

/// How much a reliability test does: a little in `make test`, as long as is asked for in `make soak`.
public enum Scale {
  /// `SOAK`: minutes that all rows together may take; 0 in `make test`.
  public static let minutes = Double(ProcessInfo.processInfo.environment["SOAK"] ?? "") ?? 0
  /// The minutes of a full soak: the one that reaches every figure of the table in `RELIABILITY.md`.
  public static let fullMinutes = 480.0

  /// Whether times may be judged: in a debug build they say little of Moult.
  #if DEBUG
    public static let judgesTimes = false
  #else
    public static let judgesTimes = true
  #endif

  /// - Parameters:
  ///   - count: in `make test`.
  ///   - soak: in a full soak; shorter ones do their share, never less than `make test`.
  public static func count(_ count: Int, soak: Int) -> Int {
    max(count, Int(Double(soak) * min(1, minutes / fullMinutes)))
  }

  /// The same for seconds of load.
  public static func seconds(_ seconds: Double, soak: Double) -> Double {
    max(seconds, soak * min(1, minutes / fullMinutes))
  }
}

/// Figures that a soak collects from its tests: one JSON line each, appended to the file `SOAK_FIGURES`.
public enum Figures {
  /// - Parameters:
  ///   - row: of the table in `RELIABILITY.md`, such as "R1".
  ///   - parts: names and values in turn.
  public static func note(_ row: String, _ parts: Any...) {
    guard let path = ProcessInfo.processInfo.environment["SOAK_FIGURES"], !path.isEmpty else { return }
    let texts = stride(from: 0, to: parts.count - 1, by: 2).map { "\(parts[$0]): \(parts[$0 + 1])" }
    guard let line = try? JSONEncoder().encode(["row": row, "figures": texts.joined(separator: ", ")]),
      let file = fopen(path, "a")
    else { return }
    defer { fclose(file) }
    // One call, so that tests of several processes do not mix their lines.
    var bytes = Array(line) + [10]
    fwrite(&bytes, 1, bytes.count, file)
  }
}
