import MoultEngine
import MoultModel
import MoultTesting
import Testing

/// A batch of alias actions: all of it or nothing, in order, in one instant.
@Suite("Batches of alias actions")
struct AliasBatchTests {
  private static let collections = ["a", "b", "c"]

  private func harness() async throws -> EngineHarness {
    let harness = try await EngineHarness()
    for name in Self.collections {
      _ = try await harness.engine.createCollection(name, schema: CollectionSchema(dimension: 2))
    }
    return harness
  }

  private func listed(_ engine: Engine) throws -> [String: String] {
    Dictionary(uniqueKeysWithValues: try engine.listAliases().map { ($0.alias, $0.collection) })
  }

  /// What the documentation says, in as few words as possible; `nil` when the batch is refused.
  private static func model(_ actions: [AliasAction], _ start: [String: String]) -> [String: String]? {
    var aliases = start
    func isFree(_ name: String) -> Bool { !collections.contains(name) }
    func target(_ name: String) -> String? {
      let name = aliases[name] ?? name
      return collections.contains(name) ? name : nil
    }
    for action in actions {
      switch action {
      case .create(let alias, let collection, let ifAbsent):
        guard isFree(alias), let to = target(collection) else { return nil }
        if let present = aliases[alias], ifAbsent || present != to { return nil }
        aliases[alias] = to
      case .alter(let alias, let collection, let ifCurrent):
        guard let to = target(collection), let present = aliases[alias], ifCurrent ?? present == present
        else { return nil }
        aliases[alias] = to
      case .set(let alias, let collection):
        guard isFree(alias), let to = target(collection) else { return nil }
        aliases[alias] = to
      case .drop(let alias, let ifCurrent, let ifExists):
        guard let present = aliases[alias] else {
          if ifExists { continue }
          return nil
        }
        guard ifCurrent ?? present == present else { return nil }
        aliases[alias] = nil
      case .rename(let alias, let name, let ifCurrent):
        guard let present = aliases[alias], ifCurrent ?? present == present else { return nil }
        if alias == name { continue }
        guard isFree(name), aliases[name] == nil else { return nil }
        aliases[alias] = nil
        aliases[name] = present
      case .swap(let alias, let other):
        guard let first = aliases[alias], let second = aliases[other] else { return nil }
        aliases[alias] = second
        aliases[other] = first
      }
    }
    return aliases
  }

  private static func action(_ random: inout SeededGenerator) -> AliasAction {
    let aliases = ["x", "y", "z", "x", "y", "z", "a"]
    let alias = aliases.randomElement(using: &random)!
    let other = aliases.randomElement(using: &random)!
    let collection = (collections + ["x", "nowhere"]).randomElement(using: &random)!
    let current = Int.random(in: 0..<3, using: &random) == 0 ? collections.randomElement(using: &random) : nil
    let flag = Int.random(in: 0..<3, using: &random) == 0
    return switch Int.random(in: 0..<6, using: &random) {
    case 0: .create(alias, collection: collection, ifAbsent: flag)
    case 1: .alter(alias, collection: collection, ifCurrent: current)
    case 2: .set(alias, collection: collection)
    case 3: .drop(alias, ifCurrent: current, ifExists: flag)
    case 4: .rename(alias, to: other, ifCurrent: current)
    default: .swap(alias, with: other)
    }
  }

  @Test("law: random batches do what the model does, also to the catalog and the history")
  func law() async throws {
    let seed: UInt64 = 0xa11a5
    let harness = try await harness()
    var random = SeededGenerator(seed: seed)
    var expected: [String: String] = [:]
    var carriedOut = 0
    var refused = 0
    for round in 0..<600 {
      let actions = (0..<Int.random(in: 1...4, using: &random)).map { _ in Self.action(&random) }
      let note = Comment(rawValue: "round \(round) of seed \(seed): \(actions.map(\.summary))")
      let next = Self.model(actions, expected)
      do {
        let changes = try await harness.engine.changeAliases(actions)
        #expect(next != nil, note)
        var replayed = expected
        for change in changes {
          #expect(replayed[change.alias] == change.before && change.before != change.after, note)
          replayed[change.alias] = change.after
        }
        #expect(replayed == next, note)
        carriedOut += 1
      } catch let error as MoultError {
        #expect(next == nil, "\(note): \(error)")
        if actions.count > 1 { #expect(error.message.contains("none was carried out"), note) }
        refused += 1
      }
      expected = next ?? expected
      #expect(try listed(harness.engine) == expected, note)
    }
    #expect(carriedOut > 50 && refused > 50)
    // Every change has its entry, and they lead from nothing to what is there.
    var replayed: [String: String] = [:]
    for entry in try harness.engine.history(limit: 10_000).reversed()
    where entry.action != .collectionCreated {
      #expect(replayed[entry.name] == entry.before)
      replayed[entry.name] = entry.after
    }
    #expect(replayed == expected)
    try await harness.shutDown()
    let again = try await EngineHarness(directory: harness.directory)
    #expect(try listed(again.engine) == expected)
    try await again.shutDown()
  }

  @Test("a batch that fails in its middle changes nothing and names the action")
  func middle() async throws {
    let harness = try await harness()
    try await harness.engine.changeAliases([.create("x", collection: "a"), .create("y", collection: "b")])
    let before = try harness.engine.history(limit: 100)
    let error = await #expect(throws: MoultError.self) {
      try await harness.engine.changeAliases([
        .swap("x", with: "y"), .drop("x"), .alter("y", collection: "c", ifCurrent: "b"), .drop("y"),
      ])
    }
    #expect(error?.code == .aliasExists)
    #expect(error?.message.contains("action 3 of 4 (alter y=c") == true, "\(error?.message ?? "")")
    #expect(try listed(harness.engine) == ["x": "a", "y": "b"])
    #expect(try harness.engine.history(limit: 100) == before)
    for count in [0, AliasAction.batchRange.upperBound + 1] {
      let error = await #expect(throws: MoultError.self) {
        try await harness.engine.changeAliases(Array(repeating: .drop("x", ifExists: true), count: count))
      }
      #expect(error?.code == .invalidArgument)
    }
    try await harness.shutDown()
  }

  /// Swaps two aliases `rounds` times under readers of both.
  ///
  /// - Returns: looks that saw both at the same collection.
  private func halfSeen(rounds: Int, swap: @escaping @Sendable (Engine) async throws -> Void) async throws
    -> (looks: Int, half: Int)
  {
    let harness = try await harness()
    let engine = harness.engine
    try await engine.changeAliases([.create("x", collection: "a"), .create("y", collection: "b")])
    let readers = (0..<2).map { _ in
      Task {
        var (looks, half) = (0, 0)
        while !Task.isCancelled {
          let aliases = try engine.listAliases()
          looks += 1
          if Set(aliases.map(\.collection)) != ["a", "b"] { half += 1 }
          await Task.yield()
        }
        return (looks, half)
      }
    }
    for _ in 0..<rounds {
      let before = try engine.describeAlias("x")
      try await swap(engine)
      // A request that begins after the answer sees all of it.
      #expect(try engine.describeAlias("x") != before && engine.describeAlias("y") == before)
    }
    var seen = (looks: 0, half: 0)
    for reader in readers {
      reader.cancel()
      let (looks, half) = try await reader.value
      seen = (seen.looks + looks, seen.half + half)
    }
    try await harness.shutDown()
    return seen
  }

  @Test("two aliases are never seen half-swapped")
  func isolation() async throws {
    let seen = try await halfSeen(rounds: 200) { try await $0.changeAliases([.swap("x", with: "y")]) }
    #expect(seen.half == 0 && seen.looks > 200)
  }

  @Test("control: a batch carried out action by action is seen half-done", .tags(.control))
  func control() async throws {
    let seen = try await halfSeen(rounds: 200) { engine in
      let (x, y) = (try engine.describeAlias("x"), try engine.describeAlias("y"))
      try await engine.alterAlias("x", collection: y)
      try await engine.alterAlias("y", collection: x)
    }
    #expect(seen.half > 0)
  }
}
