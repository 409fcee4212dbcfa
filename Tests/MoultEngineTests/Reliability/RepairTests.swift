import Foundation
import Logging
import MoultModel
import MoultStorage
import MoultTesting
import Testing

@testable import MoultEngine

@Suite("Repair")
struct RepairTests {
  private func repair(_ path: String, acceptsLoss: Bool = false) async throws -> RepairReport {
    var logger = Logger(label: "repair")
    logger.logLevel = .critical
    return try await Repair(
      EngineConfiguration(dataDirectory: path, computeThreads: 1, segmentRowsMax: 400),
      acceptsLoss: acceptsLoss, logger: logger
    ).run()
  }

  @Test("what can be derived is made anew: the same answers, nothing lost, whatever region was struck")
  func derived() async throws {
    let fixture = try await DamageFixture()
    for region in fixture.regions where !region.file.hasSuffix(".vectors") {
      for place in [region.bytes.lowerBound, region.bytes.upperBound - 1] {
        let copy = try fixture.copy()
        defer { try? FileManager.default.removeItem(atPath: copy) }
        try BitFlipTests.flipBit(3, at: place, of: "\(copy)/\(region.file)")
        let report = try await repair(copy)
        let note: Comment = "byte \(place) in the \(region): \(report)"
        #expect(!report.found.isEmpty && report.remaining == [] && report.lost == [], note)
        let answers = try await fixture.answers(of: copy)
        #expect(answers.exact == fixture.truth.exact && answers.points == fixture.truth.points, note)
        // Another encoder or graph may order what codes cannot tell apart otherwise.
        #expect(overlap(answers.codes, fixture.truth.codes) > 0.9, note)
      }
    }
  }

  @Test("of damaged vectors the sound rows are saved, and the lost points are named before they are deleted")
  func vectors() async throws {
    let fixture = try await DamageFixture()
    let truth = try #require(fixture.truth.points)
    for region in fixture.regions where region.file.hasSuffix(".vectors") && !region.isUnused {
      let copy = try fixture.copy()
      defer { try? FileManager.default.removeItem(atPath: copy) }
      try BitFlipTests.flipBit(
        6, at: (region.bytes.lowerBound + region.bytes.upperBound) / 2, of: "\(copy)/\(region.file)")
      let first = try await repair(copy)
      let note: Comment = "\(region): \(first)"
      if ["rows", "side section"].contains(region.name) {
        let ids = try #require(first.lost.first?.ids, note)
        #expect(first.lost.count == 1 && !first.lost[0].accepted && !first.remaining.isEmpty, note)
        #expect((1...VectorChecksum.rowsMax).contains(ids.count), note)
        // Nothing was changed yet, and the second time the same are named.
        let second = try await repair(copy, acceptsLoss: true)
        #expect(second.lost.map(\.ids) == [ids] && second.lost[0].accepted && second.remaining == [], note)
        let answers = try await fixture.answers(of: copy)
        #expect(answers.points == truth.filter { !ids.contains($0.id.description) }, note)
        #expect(answers.codes != nil && answers.exact != nil, note)
      } else {
        #expect(first.lost == [] && first.remaining == [], note)
        #expect(try await fixture.answers(of: copy).isWrong(beside: fixture.truth) == false, note)
        #expect(try await fixture.answers(of: copy).points == truth, note)
      }
    }
  }

  @Test("a missing file of vectors costs its points and no others; the database is not guessed at")
  func missing() async throws {
    let fixture = try await DamageFixture()
    let truth = try #require(fixture.truth.points)
    let file = try #require(fixture.regions.first { $0.file.hasSuffix(".vectors") }?.file)
    let copy = try fixture.copy()
    defer { try? FileManager.default.removeItem(atPath: copy) }
    try FileManager.default.removeItem(atPath: "\(copy)/\(file)")
    let report = try await repair(copy, acceptsLoss: true)
    let lost = Set(report.lost.flatMap(\.ids))
    #expect(!lost.isEmpty && report.remaining == [], "\(report)")
    #expect(try await fixture.answers(of: copy).points == truth.filter { !lost.contains($0.id.description) })

    let other = try fixture.copy()
    defer { try? FileManager.default.removeItem(atPath: other) }
    let catalog = "\(other)/moult.sqlite"
    var database = try Data(contentsOf: URL(fileURLWithPath: catalog))
    // Behind the first page, which names the schema: every page's head, in the log too if there is one.
    for page in stride(from: 4_096, to: database.count, by: 4_096) {
      for index in page..<page + 16 { database[index] ^= 0xFF }
    }
    try database.write(to: URL(fileURLWithPath: catalog))
    try? FileManager.default.removeItem(atPath: catalog + "-wal")
    await #expect { _ = try await repair(other) } throws: { ($0 as? MoultError)?.code == .corrupted }
  }

  @Test("a sound directory is left as it is")
  func sound() async throws {
    let fixture = try await DamageFixture()
    let copy = try fixture.copy()
    defer { try? FileManager.default.removeItem(atPath: copy) }
    #expect(try await repair(copy) == RepairReport())
    #expect(try await fixture.answers(of: copy) == fixture.truth)
  }

  private func overlap(_ found: [[PointID]]?, _ truth: [[PointID]]?) -> Double {
    guard let found, let truth else { return 0 }
    let hits = zip(found, truth).reduce(0) { $0 + Set($1.0).intersection($1.1).count }
    return Double(hits) / Double(truth.joined().count)
  }
}
