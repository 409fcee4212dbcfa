import Foundation
import MoultModel
import MoultTesting
import Testing

@testable import MoultCommand

/// R11: what a switch takes of memory and how searches fare beside it, against the budgets that it was given. In a
/// process of its own, whose memory is nothing but its own.
@Suite("R11: the budgets of a switch", .serialized)
struct SwitchBudgetTests {
  private static let budgetMiB = 28.0
  private static let p99Rise = 0.25

  /// One line of `moult bench switch`.
  private struct Line: Decodable {
    var switchedFrom: String?
    var quantization: String
    var extraMb: Double?
    var p99Ms: Double?
    var idleP99Ms: Double?
    var failed: Int?
    var stale: Int?
  }

  @Test("memory stays within --memory in every switch from code to code", .timeLimit(.minutes(60)))
  func budgets() async throws {
    let codes = Self.codes
    let lines = try switches(through: Self.everyPair(of: codes), memory: "\(Int(Self.budgetMiB))MiB")
    #expect(Set(lines.map { [$0.switchedFrom, $0.quantization] }).count == codes.count * (codes.count - 1))
    let extra = try lines.map { try #require($0.extraMb) }
    #expect(extra.allSatisfy { $0 <= Self.budgetMiB }, "\(lines)")
    #expect(lines.allSatisfy { $0.failed == 0 && $0.stale == 0 })
    let rises = try lines.map { try #require($0.p99Ms) / #require($0.idleP99Ms) }.sorted()
    Figures.note(
      "R11", "pairs of codes", lines.count, "budget MiB", Self.budgetMiB, "most taken MiB", extra.max() ?? 0,
      "over budget", extra.count { $0 > Self.budgetMiB }, "p99 over idle, median and worst",
      "\(Self.rounded(rises[rises.count / 2])) and \(Self.rounded(rises.last ?? 0))", "within +25%",
      "\(rises.count { $0 <= 1 + Self.p99Rise }) of \(rises.count)")
  }

  @Test("control: without a budget they take more", .tags(.control), .timeLimit(.minutes(60)))
  func control() async throws {
    let lines = try switches(through: [.int8, .int4, .int8], memory: nil)
    #expect(lines.contains { $0.extraMb ?? 0 > Self.budgetMiB }, "\(lines)")
  }

  /// As many as have so many pairs as are asked for; in a full soak all.
  private static var codes: [Quantization] {
    let usual: [Quantization] = [.int8, .int4, .binary]
    let all = usual + Quantization.allCases.filter { !usual.contains($0) }
    let pairs = Scale.count(usual.count * (usual.count - 1), soak: all.count * (all.count - 1))
    return Array(all.prefix((usual.count...all.count).last { $0 * ($0 - 1) <= pairs }!))
  }

  private static func rounded(_ value: Double) -> Double { (value * 100).rounded() / 100 }

  /// A way through all codes that takes each step from one to another exactly once, and ends where it began.
  private static func everyPair(of codes: [Quantization]) -> [Quantization] {
    var left = codes.indices.map { from in codes.indices.filter { $0 != from } }
    // Hierholzer: on until no step is left, then back to where there is one.
    var path = [0]
    var circuit: [Int] = []
    while let last = path.last {
      if let next = left[last].popLast() { path.append(next) } else { circuit.append(path.removeLast()) }
    }
    return circuit.reversed().map { codes[$0] }
  }

  /// Switches an engine of the sample through codes beside a client that searches.
  ///
  /// - Returns: all but the first switch, which touches the vectors for the first time.
  private func switches(through codes: [Quantization], memory: String?) throws -> [Line] {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: BuiltExecutable.path)
    let sample = SampleVectors.directory.path
    process.arguments =
      [
        "bench", "switch", "--vectors", "\(sample)/base.npy", "--queries", "\(sample)/queries.npy",
        "--threads", "2", "--clients", "1", "--gate-queries", "100", "--json",
        "--seconds", Scale.judgesTimes ? "1" : "0.2", "--through",
        codes.dropLast().map(\.rawValue).joined(separator: ","), "--quantization", codes.last!.rawValue,
      ] + (memory.map { ["--memory", $0, "--max-p99", "+25%"] } ?? [])
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let text = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    // The first line is the import's.
    return try text.split(separator: UInt8(ascii: "\n")).dropFirst(2).map {
      try decoder.decode(Line.self, from: Data($0))
    }
  }
}
